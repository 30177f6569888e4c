"""Tells a broker that has forgotten the node how each task stood last, for those who come later.

How it works. A broker without our session may have lost what it retained, as the embedded one does
with each start. The last statuses then go into the outbox once more, for the tasks' own topics
alone, and leave it in its order and its window: none comes after a newer one of its task.
"""

import asyncio
import logging
from datetime import timedelta
from typing import Final

from messages.topics import TASK_STATUS
from planner_node.clock import Clock
from planner_node.errors import JournalLost
from planner_node.mqtt.outbound import JOURNAL_RETRY_S
from planner_node.mqtt.ports import Outbox

logger = logging.getLogger(__name__)
MAX_FINISHED: Final = 1_000  # some 1 MiB; unfinished ones are as many as the queue holds
_KEPT: Final = timedelta(seconds=TASK_STATUS.message_expiry_s or 0)


class Restating:
    """Waits until a broker has forgotten us."""

    def __init__(self, was_forgotten: asyncio.Event, outbox: Outbox, clock: Clock) -> None:
        self._was_forgotten = was_forgotten
        self._outbox = outbox
        self._clock = clock

    async def run(self) -> None:
        """Restate each time, until cancelled."""
        while True:
            await self._was_forgotten.wait()
            self._was_forgotten.clear()
            await self._restate()

    async def _restate(self) -> None:
        """Do it, as often as the journal has to be asked."""
        while True:
            try:
                await self._outbox.restate(self._clock.now() - _KEPT, MAX_FINISHED)
            except JournalLost as error:
                logger.error("! mqtt the last statuses are not said again: %s", error)  # noqa: TRY400  in full
                await asyncio.sleep(JOURNAL_RETRY_S)
            else:
                return
