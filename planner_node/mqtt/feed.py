"""The outbox in order: what is being committed comes from memory, what is older from the journal.

How it works. Every commit is heard, and its events are remembered. When a read of the journal has
come to the outbox's end, whatever was committed after it is among the remembered ones, so nothing
is read again until somebody begins anew or more is remembered than there is room for.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from planner_node.mqtt.ports import Outbox
from planner_node.tasks.record import StoredEvent

READ_AT_ONCE: Final = 100
MAX_REMEMBERED: Final = 4_000  # some 4 MiB; further behind than that, the journal is read again


class Feed:
    """Hands out what is to be published, each event once until ``restart``."""

    def __init__(self, outbox: Outbox, max_remembered: int = MAX_REMEMBERED) -> None:
        self._outbox = outbox
        self._max_remembered = max_remembered
        self._remembered: deque[StoredEvent] = deque()
        self._is_whole = False  # whether everything above the reader's place is remembered
        self._place = 0
        self._news = asyncio.Event()

    def listen(self) -> Callable[[], None]:
        """Hear commits from now on; the result ends it."""
        return self._outbox.listen(self._hear)

    def restart(self) -> None:
        """Begin again at the lowest event that is still on the outbox."""
        self._place, self._is_whole = 0, False

    async def following(self) -> Sequence[StoredEvent]:
        """Wait for the next events and return them in order.

        Raises:
            JournalLost: the outbox cannot be read now; ask again.
        """
        while True:
            self._news.clear()
            found = self._from_memory() if self._is_whole else await self._from_journal()
            if found:
                self._place = found[-1].event_id
                return found
            if self._is_whole:
                await self._news.wait()

    def _from_memory(self) -> list[StoredEvent]:
        found = [stored for stored in self._remembered if stored.event_id > self._place]
        self._remembered.clear()
        return found

    async def _from_journal(self) -> list[StoredEvent]:
        self._remembered.clear()
        self._is_whole = True  # from here on; unless more comes meanwhile than there is room for
        try:
            found = await self._outbox.pending(self._place, READ_AT_ONCE)
        except BaseException:
            self._is_whole = False
            raise
        if len(found) >= READ_AT_ONCE:
            self._is_whole = False
        return found

    def _hear(self, events: Sequence[StoredEvent]) -> None:
        if len(self._remembered) + len(events) > self._max_remembered:
            self._remembered.clear()
            self._is_whole = False
        self._remembered.extend(events)
        self._news.set()
