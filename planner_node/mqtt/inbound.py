"""Takes deliveries to the planner, in order for each robot, and acknowledges what is journalled."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, Protocol

from messages.decode import Refused
from messages.topics import FLEET_PARTITION, ROBOT_TASK
from planner_node.clock import monotonic_s
from planner_node.errors import JournalLost
from planner_node.mqtt.commands import Commands, Route, route_of
from planner_node.mqtt.packets import Delivery
from planner_node.mqtt.repartition import Repartition, read_change
from planner_node.mqtt.spare_ids import SpareIds

logger = logging.getLogger(__name__)

MAX_TRIES: Final = 3
JOURNAL_RETRY_S: Final = 0.5
MAX_AT_ONCE: Final = 256  # QoS 1 has the Receive Maximum; QoS 0 and MQTT 3.1.1 have none
_CHANGES: Final = "/"  # the lane of changes of the partition: no robot's name has a slash


class Line(Protocol):
    """Where deliveries come from."""

    def deliveries(self) -> AsyncIterator[Delivery]: ...
    def acknowledge(self, delivery: Delivery) -> bool: ...
    def is_current(self, delivery: Delivery) -> bool: ...
    async def settled(self, delivery: Delivery) -> bool: ...
    def proof(self) -> Callable[[], bool]: ...


@dataclass(eq=False, slots=True)
class _Place:
    """One delivery's place among its robot's.

    A barrier waits for all before it, and all after it wait for it: a control from the beginning,
    a task from when the journal has refused it.
    """

    is_barrier: bool
    since_s: float
    epoch: int
    is_left: bool = False  # to the broker, who delivers it again
    fault: str | None = None  # why the journal has refused it last
    task: asyncio.Task[None] | None = None

    @property
    def is_done(self) -> bool:
        return self.task is not None and self.task.done()


async def _turn(place: _Place, before: Sequence[_Place]) -> None:
    """Wait for those who go first."""
    while waits := [
        one.task
        for one in before
        if one.task is not None and not one.is_done and (place.is_barrier or one.is_barrier)
    ]:
        await asyncio.wait(waits)


class Inbound:
    """The way in. Tasks of one robot go in as they come; a control waits for all before it."""

    def __init__(
        self,
        line: Line,
        commands: Commands,
        root: str,
        journal_retry_s: float = JOURNAL_RETRY_S,
        parts: Repartition | None = None,
        now_s: Callable[[], float] = monotonic_s,
    ) -> None:
        self.fault: str | None = None  # why nothing can be accepted just now
        self.received = 0
        self.given_up = 0
        self._line = line
        self._commands = commands
        self._root = root
        self._journal_retry_s = journal_retry_s
        self._parts = parts or Repartition()
        self._now_s = now_s
        self._spare_ids = SpareIds()
        self._lanes: dict[str, list[_Place]] = {}
        self._is_ending = asyncio.Event()
        self._room = asyncio.Semaphore(MAX_AT_ONCE)

    async def run(self) -> None:
        """Take deliveries until there are no more; then finish those that were begun."""
        await self._recalled()
        async with asyncio.TaskGroup() as group:
            async for delivery in self._line.deliveries():
                route = route_of(delivery.topic, self._root)
                is_ours = self._parts.takes(route.robot_id or "", delivery.epoch)
                if (count := self._change_of(route, delivery)) is not None:
                    await self._room.acquire()
                    self._start_change(group, delivery, count)
                elif not is_ours:
                    self._line.acknowledge(delivery)  # another node answers it
                else:
                    self.received += 1
                    await self._room.acquire()
                    self._start(group, delivery, route)
            self._is_ending.set()

    async def _recalled(self) -> None:
        """Read which part of the fleet is ours, before anything is judged by it."""
        while not await self._has_journal(self._parts.recall):  # noqa: ASYNC110  nobody tells us
            await asyncio.sleep(self._journal_retry_s)

    def _start(self, group: asyncio.TaskGroup, delivery: Delivery, route: Route) -> None:
        name = route.robot_id or ""
        place = _Place(route.row is not ROBOT_TASK, self._now_s(), delivery.epoch)
        before = self._at_work(name)
        self._put(group, name, place, self._take(delivery, place, before))

    def _put(
        self, group: asyncio.TaskGroup, lane: str, place: _Place, work: Coroutine[None, None, None]
    ) -> None:
        place.task = group.create_task(work, name=f"mqtt.inbound[{lane}]")
        self._lanes[lane] = [*self._at_work(lane), place]
        place.task.add_done_callback(lambda _: self._leave(lane))

    def _at_work(self, lane: str) -> list[_Place]:
        return [one for one in self._lanes.get(lane, []) if not one.is_done]

    def _change_of(self, route: Route, delivery: Delivery) -> int | None:
        """Return the new number of nodes, None for all that is answered like any command."""
        if route.row is not FLEET_PARTITION or not self._parts.hears_changes:
            return None
        try:
            return read_change(delivery)
        except Refused:
            return None

    def _start_change(self, group: asyncio.TaskGroup, delivery: Delivery, count: int) -> None:
        """Judge what comes behind it by the new number, and keep that once all before it is in."""
        before = [one for lane in self._lanes for one in self._at_work(lane)]
        self._parts.turn(count)
        place = _Place(is_barrier=True, since_s=self._now_s(), epoch=delivery.epoch)
        self._put(group, _CHANGES, place, self._change(delivery, count, place, before))

    async def _change(
        self, delivery: Delivery, count: int, place: _Place, before: Sequence[_Place]
    ) -> None:
        """Keep the new number, or leave the change to the broker with what comes before it."""
        await _turn(place, before)
        place.is_left = True
        # What an older connection left comes again on this one, before the change if it was.
        if any(one.is_left and one.epoch == place.epoch for one in before):
            return
        if not await self._line.settled(delivery):
            return
        self._parts.leave_behind(count)
        while not await self._has_journal(partial(self._parts.keep, count)):
            if await self._should_end():
                return
        place.is_left = False
        self._line.acknowledge(delivery)
        logger.info("mqtt partition_count=%d from here on", count)

    async def _has_journal(self, work: Callable[[], Awaitable[None]]) -> bool:
        """Do it; False, and a fault, where the journal is not to be had now."""
        try:
            await work()
        except JournalLost as error:
            self.fault = f"the journal keeps no partition: {error}"
            logger.error("! mqtt %s", self.fault)  # noqa: TRY400  the reason says it all
            return False
        self.fault = None
        return True

    def _leave(self, name: str) -> None:
        self._room.release()
        if not self._at_work(name):
            self._lanes.pop(name, None)

    async def _take(self, delivery: Delivery, place: _Place, before: Sequence[_Place]) -> None:
        await _turn(place, before)
        is_in = not self._must_wait(before) and await self._journalled(delivery, place, before)
        place.is_left = not is_in
        if self.fault is place.fault:  # the very same: another one that still waits has its own
            self.fault = None
        if is_in and self._line.acknowledge(delivery):
            self._spare_ids.acknowledged(delivery, self._line.proof())

    def _must_wait(self, before: Sequence[_Place]) -> bool:
        """Whether the door closes, and the broker keeps one that comes first for the next start."""
        return self._is_ending.is_set() and any(one.is_left for one in before)

    async def _journalled(
        self, delivery: Delivery, place: _Place, before: Sequence[_Place]
    ) -> bool:
        """Try until the journal has the command or its refusal; False if it is too late."""
        spare_id = self._spare_ids.source(delivery)
        reason = delivery.fault or ""
        tries = 0 if delivery.fault is None else MAX_TRIES
        while delivery.qos == 0 or self._line.is_current(delivery):
            try:
                if tries < MAX_TRIES:
                    await self._commands.take(self._aged(delivery, place), spare_id)
                else:
                    self.given_up += 1
                    await self._commands.give_up(delivery, reason)
                self.fault = None
            except JournalLost as error:
                place.is_barrier = True  # at once: what comes behind it must not overtake it
                self.fault = place.fault = f"the journal takes nothing: {error}"
                logger.error("! mqtt %s", self.fault)  # noqa: TRY400  the reason says it all
                await _turn(place, before)
                if await self._should_end():
                    return False
            except Exception as error:
                tries, reason = tries + 1, f"{type(error).__name__}: {error}"
                logger.exception("! mqtt inbound topic=%s tries=%d", delivery.topic, tries)
                if tries > MAX_TRIES:  # not even the answer could be made; the log has it
                    return True
            else:
                return True
        return False

    def _aged(self, delivery: Delivery, place: _Place) -> Delivery:
        """Return the delivery with what is left of its Message Expiry after its wait here."""
        if delivery.expiry_s is None:
            return delivery
        waited_s = int(self._now_s() - place.since_s)
        return replace(delivery, expiry_s=max(0, delivery.expiry_s - waited_s))

    async def _should_end(self) -> bool:
        """Wait before the next try; True when the door closes meanwhile."""
        try:
            async with asyncio.timeout(self._journal_retry_s):
                return await self._is_ending.wait()
        except TimeoutError:
            return False
