"""The MQTT door as the node sees it: run it, say how the node is, ask if it is open, stop it."""

import asyncio
import contextlib
import logging
import random
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Final, Protocol

from messages.status import NodeInfo, NodeState
from messages.topics import FLEET_PARTITION
from messages.wire import new_id
from planner_node.clock import Clock
from planner_node.errors import BrokerRefused, JournalLost
from planner_node.mqtt.address import connect_options
from planner_node.mqtt.clearing import Clearing
from planner_node.mqtt.commands import INBOUND, Commands
from planner_node.mqtt.inbound import Inbound
from planner_node.mqtt.link import Link
from planner_node.mqtt.outbound import Outbound
from planner_node.mqtt.packets import Delivery, Granted, Subscription
from planner_node.mqtt.ports import Outbox, Planner
from planner_node.mqtt.presence import Identity, Presence, last_will
from planner_node.mqtt.reconnect import Reconnect
from planner_node.mqtt.repartition import PartBook, Repartition
from planner_node.mqtt.reply import ReplyPolicy
from planner_node.mqtt.restating import Restating
from planner_node.settings import MqttSettings

logger = logging.getLogger(__name__)
FAREWELL_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether the door is open; ``reason`` says why not, or what the broker does not offer."""

    is_ok: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Counters:
    """How much went through the door."""

    connects: int
    received: int
    given_up: int
    published: int
    refused: int
    unheard: int
    callback_failures: int
    dropped: int


class DoorJournal(Outbox, PartBook, Protocol):
    """What the door reads and writes."""


class MqttDoor:
    """Commands in, events out, presence, over one connection that comes back."""

    def __init__(
        self,
        settings: MqttSettings,
        node_id: str,
        planner: Planner,
        journal: DoorJournal,
        clock: Clock,
    ) -> None:
        root = settings.root
        self._settings = settings
        self._info: NodeInfo | None = None
        self._who = Identity(node_id, session_id=new_id(), root=root)
        options = connect_options(settings, node_id, last_will(self._who, clock.now()))
        reconnect = Reconnect(settings.reconnect_min_s, settings.reconnect_max_s, random.random)
        self._link = Link(options, self._subscriptions, reconnect)
        policy = ReplyPolicy(root, tuple(settings.response_topic_prefixes))
        self._presence = Presence(self._who, clock, lambda: planner.load)
        line = _Line(self._link, self._presence, self._who.status_topic)
        index, count = settings.partition_index, settings.partition_count
        book = journal if settings.partition_changes else None
        self._parts = Repartition(index, count, book, self._tell_part)
        self._inbound = Inbound(line, Commands(planner, policy), root, parts=self._parts)
        self._outbound = Outbound(self._link, journal, planner, clock, root)
        self._clearing = Clearing(self._link, journal, root)
        self._restating = Restating(self._link.was_forgotten, journal, clock)

    @property
    def readiness(self) -> Readiness:
        """Whether commands are heard and journalled, with the reason if not."""
        link = self._link.state
        if link.is_ok and self._inbound.fault is not None:
            return Readiness(is_ok=False, reason=self._inbound.fault)
        return Readiness(is_ok=link.is_ok, reason=link.reason)

    @property
    def counters(self) -> Counters:
        """What went through since the start."""
        return Counters(
            connects=self._link.connects,
            received=self._inbound.received,
            given_up=self._inbound.given_up,
            published=self._outbound.published,
            refused=self._outbound.refused + self._clearing.refused,
            unheard=self._outbound.unheard,
            callback_failures=self._link.stumbles,
            dropped=self._link.dropped,
        )

    async def first_listening(self) -> None:
        """Wait for the first subscription; from then on the broker keeps what comes for us."""
        await self._link.has_listened.wait()

    async def run(self) -> None:
        """Keep the door open until ``stop``, whatever the broker does."""
        async with asyncio.TaskGroup() as group:
            working = [
                group.create_task(work, name=name)
                for name, work in (
                    ("mqtt.presence", self._presence.run(self._link)),
                    ("mqtt.inbound", self._inbound.run()),
                    ("mqtt.outbound", self._outbound.run()),
                    ("mqtt.clear", self._clearing.run()),
                    ("mqtt.restate", self._restating.run()),
                )
            ]
            await self._link.run()
            for task in working:
                task.cancel()

    def change(self, state: NodeState, *, model_ready: bool) -> None:
        """Publish a new state of the node."""
        self._presence.change(state, model_ready=model_ready)

    def describe(self, info: NodeInfo) -> None:
        """Publish what the node can do and which part is its own, now and after each reconnect."""
        self._info = info
        self._tell_part()

    def _tell_part(self) -> None:
        part = self._parts.said if self._settings.is_parted else None
        if self._info is not None:
            self._presence.describe(self._info.model_copy(update={"partition": part}))

    def clear(self, task_ids: Iterable[str]) -> None:
        """Remove the retained statuses of tasks that left the history."""
        self._clearing.add(task_ids)

    def pause(self) -> None:
        """Take no more commands; the broker keeps them for the next start."""
        self._link.end_deliveries()

    async def stop(self, drain_s: float) -> None:
        """Publish and clear what is left for at most ``drain_s``, say OFFLINE, and leave."""
        self.pause()
        try:
            if self._link.is_up:
                await self._drain(drain_s)
        finally:
            await self._depart()

    async def _drain(self, drain_s: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(drain_s):
                await self._publish_the_rest()
                await self._clearing.drained()

    async def _publish_the_rest(self) -> None:
        try:
            await self._outbound.drained()
        except JournalLost as error:
            reason = f"the outbox waits for the next start: {error}"
            logger.error("! mqtt %s", reason)  # noqa: TRY400  the reason says it all

    async def _depart(self) -> None:
        """Say OFFLINE; where the line does not take it in time, the last will is left to speak."""
        in_order = not self._link.is_up
        try:
            if self._link.is_up:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(FAREWELL_S):
                        heard = await self._presence.farewell(await self._link.connection())
                        in_order = True
                        await heard
        finally:
            await self._link.leave(in_order=in_order)

    def _subscriptions(self, granted: Granted) -> list[Subscription]:
        """Return what to subscribe to.

        Raises:
            BrokerRefused: the settings ask for what this broker does not offer.
        """
        group, root = self._settings.shared_group, self._settings.root
        if group is not None and not granted.shared_subscriptions:
            raise BrokerRefused(
                f"mqtt.shared_group is {group!r}, and this broker offers no shared subscriptions "
                f"(MQTT {granted.mqtt_version}); unset it, or use a broker with MQTT 5"
            )
        share = "" if group is None else f"$share/{group}/"
        rows = [
            row for row in INBOUND if row is not FLEET_PARTITION or self._settings.partition_changes
        ]
        inbound = [Subscription(f"{share}{row.filter(root)}") for row in rows]
        own = Subscription(self._who.status_topic, newly_only=False, no_local=True)
        return [*inbound, own]


class _Line:
    """The link without what is only said about ourselves."""

    def __init__(self, link: Link, presence: Presence, status_topic: str) -> None:
        self._link = link
        self._presence = presence
        self._status_topic = status_topic
        self.acknowledge = link.acknowledge
        self.is_current = link.is_current
        self.settled = link.settled
        self.proof = link.proof

    async def deliveries(self) -> AsyncIterator[Delivery]:
        async for delivery in self._link.deliveries():
            if delivery.topic != self._status_topic:
                yield delivery
                continue
            self._link.acknowledge(delivery)
            if self._presence.hear(delivery):
                self._link.reconnect.is_rivalled = True
