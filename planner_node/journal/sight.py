"""Whether the journal can be read, and a look again while it cannot: perhaps nobody else reads."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from planner_node.errors import JournalLost

log = logging.getLogger(__name__)
LOOK_S: Final = 1.0  # how soon a journal that can be read again is noticed


class Sight:
    """What the last read came to; ``look`` is one that costs little and tells here how it went."""

    def __init__(self, look: Callable[[], Awaitable[object]]) -> None:
        self.trouble = ""  # why the last read failed
        self._look = look
        self._looking: asyncio.Task[None] | None = None

    def lost(self, reason: str) -> None:
        """Note that a read failed, and look again until one succeeds."""
        if not self.trouble:
            log.error("! %s", reason)
        self.trouble = reason
        if self._looking is None:
            self._looking = asyncio.create_task(self._look_again(), name="journal.sight")

    def regained(self) -> None:
        """Note that a read succeeded."""
        if self.trouble:
            log.info("journal can be read again after: %s", self.trouble)
        self.trouble = ""

    async def close(self) -> None:
        """Look no more."""
        looking, self._looking = self._looking, None
        if looking is not None:
            looking.cancel()
            await asyncio.wait([looking])

    async def _look_again(self) -> None:
        while self.trouble:
            await asyncio.sleep(LOOK_S)
            with suppress(JournalLost):
                await self._look()
        self._looking = None
