"""Keeps this node's lease on the shared journal alive, and takes over from nodes that are dead."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol

from planner_node.clock import Clock
from planner_node.errors import JournalLost
from planner_node.settings import JournalSettings
from planner_node.tasks.record import TaskRecord

log = logging.getLogger(__name__)
_AT_ONCE: Final = 100  # tasks whose gates are held together: a few milliseconds


class SharedJournal(Protocol):
    """What a lease is kept on."""

    async def renew(self) -> bool: ...
    async def take_over(self) -> list[str] | None: ...
    async def unfinished(self, among: Sequence[str]) -> list[TaskRecord]: ...


class Heir(Protocol):
    """Who goes on with what the dead have left."""

    async def take_up(
        self,
        task_ids: Sequence[str],
        still_ours: Callable[[Sequence[str]], Awaitable[list[TaskRecord]]],
    ) -> None: ...


class Lease:
    """One heartbeat after the other, and beside them what the dead have left, piece by piece.

    A node whose own lease has just run out, by the database's clock or by its own, judges nobody
    for the length of one: where the database was away, or all machines slept, every lease has run
    out, and each node needs that time to say that it is alive.
    """

    def __init__(
        self, journal: SharedJournal, heir: Heir, settings: JournalSettings, clock: Clock
    ) -> None:
        self._journal = journal
        self._heir = heir
        self._heartbeat_s = settings.heartbeat_s
        self._lease_s = settings.lease_s
        self._clock = clock
        self._steady_since_s = clock.monotonic_s()
        self._last_beat_s = self._steady_since_s
        self._inherited: list[str] = []  # the ids of what is this node's and not taken up yet

    async def run(self) -> None:
        """Beat until cancelled.

        Raises:
            LeaseLost: another process has this node's tasks: this one must end.
        """
        await self._at_each_heartbeat(self.beat, "the lease could not be renewed")

    async def look_after_the_dead(self) -> None:
        """Inherit until cancelled; however long that takes, the beats go on."""
        await self._at_each_heartbeat(self.inherit, "a dead node's tasks could not be taken over")

    async def _at_each_heartbeat(self, step: Callable[[], Awaitable[None]], fault: str) -> None:
        """Do a step until cancelled; where the database is away, the next heartbeat tries again."""
        while True:
            try:
                await step()
            except JournalLost as error:
                log.warning("! %s: %s", fault, error)
            await asyncio.sleep(self._heartbeat_s)

    async def beat(self) -> None:
        """Renew the lease.

        Raises:
            JournalLost: the database cannot be reached now.
            LeaseLost: too late.
        """
        was_in_time = await self._journal.renew()
        now_s = self._clock.monotonic_s()
        if not was_in_time or now_s - self._last_beat_s > self._lease_s:
            self._steady_since_s = now_s
        self._last_beat_s = now_s

    async def inherit(self) -> None:
        """Take up what the dead have left; only a steady node asks for more of it.

        Raises:
            JournalLost: the database cannot be reached now; what is this node's is taken up later.
        """
        await self._take_up()
        while self._is_steady() and (task_ids := await self._journal.take_over()) is not None:
            self._inherited += task_ids
            await self._take_up()

    def _is_steady(self) -> bool:
        """Whether the lease held all the time, and still does, by this node's clock."""
        now_s = self._clock.monotonic_s()
        is_held = now_s - self._last_beat_s <= self._lease_s
        return is_held and now_s - self._steady_since_s >= self._lease_s

    async def _take_up(self) -> None:
        while piece := self._inherited[:_AT_ONCE]:
            await self._heir.take_up(piece, self._journal.unfinished)
            del self._inherited[:_AT_ONCE]
            for task_id in piece:
                log.info("%s ↻ taken over from a dead node", task_id)
