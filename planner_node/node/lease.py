"""Keeps this node's lease on the shared journal alive, and takes over from nodes that are dead."""

import asyncio
import logging
from collections.abc import Iterable
from typing import Protocol

from planner_node.clock import Clock
from planner_node.errors import JournalLost
from planner_node.settings import JournalSettings
from planner_node.tasks.record import TaskRecord

log = logging.getLogger(__name__)


class SharedJournal(Protocol):
    """What a lease is kept on."""

    async def renew(self) -> bool: ...
    async def take_over(self) -> list[TaskRecord]: ...


class Heir(Protocol):
    """Who goes on with what the dead have left."""

    async def take_up(self, records: Iterable[TaskRecord]) -> None: ...


class Lease:
    """One heartbeat after the other.

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
        self._inherited: list[TaskRecord] = []

    async def run(self) -> None:
        """Beat until cancelled.

        Raises:
            LeaseLost: another process has this node's tasks: this one must end.
        """
        while True:
            try:
                await self.beat()
            except JournalLost as error:
                log.warning("! the lease could not be renewed: %s", error)
            await asyncio.sleep(self._heartbeat_s)

    async def beat(self) -> None:
        """Renew the lease; a steady node then looks after the dead.

        Raises:
            JournalLost: the database cannot be reached now.
            LeaseLost: too late.
        """
        was_in_time = await self._journal.renew()
        now_s = self._clock.monotonic_s()
        if not was_in_time or now_s - self._last_beat_s > self._lease_s:
            self._steady_since_s = now_s
        self._last_beat_s = now_s
        if now_s - self._steady_since_s >= self._lease_s:
            self._inherited += await self._journal.take_over()
        while self._inherited:
            log.info("%s ↻ taken over from a dead node", self._inherited[0].task_id)
            await self._heir.take_up(self._inherited[:1])
            del self._inherited[0]
