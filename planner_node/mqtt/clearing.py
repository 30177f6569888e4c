"""Takes the retained statuses of tasks that left the history off the broker.

How it works. One after the other is sent as soon as the connection's publish window has room, so
as many are under way as that takes; what a connection took with it goes out on the next one. What
is left when the node ends stays retained until its expiry, as on a broker that refuses; over MQTT
3.1.1, which knows no expiry, until somebody clears it.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Iterable
from functools import partial
from typing import Final

from planner_node.mqtt.outbound import Sessions
from planner_node.mqtt.packets import Outcome, PublishOutcome
from planner_node.mqtt.routes import clearing_of

logger = logging.getLogger(__name__)
MAX_WAITING: Final = 100_000  # some 10 MiB; as many as the history holds unless told otherwise


class Clearing:
    """The ids that wait, and those that no PUBACK has come for."""

    def __init__(self, sessions: Sessions, root: str, max_waiting: int = MAX_WAITING) -> None:
        self.refused = 0
        self._sessions = sessions
        self._root = root
        self._max_waiting = max_waiting
        self._waiting: deque[str] = deque()
        self._under_way = 0
        self._has_work = asyncio.Event()
        self._is_done = asyncio.Event()
        self._is_done.set()

    def add(self, task_ids: Iterable[str]) -> None:
        """Let these be cleared; beyond the limit, which only a broker that is away fills, none."""
        wanted = [*task_ids]
        room = max(0, self._max_waiting - len(self._waiting))
        self._waiting.extend(wanted[:room])
        self._note_state()
        if len(wanted) > room:
            count = len(wanted) - room
            logger.warning(
                "! mqtt %d retained statuses stay until they expire by themselves", count
            )

    async def run(self) -> None:
        """Clear until cancelled."""
        while True:
            await self._has_work.wait()
            session = await self._sessions.connection()
            task_id = self._waiting.popleft()
            self._under_way += 1
            self._note_state()
            outcome = await session.send(clearing_of(task_id, self._root))
            outcome.add_done_callback(partial(self._answered, task_id))

    async def drained(self) -> None:
        """Wait until nothing is left to clear; the caller brings the deadline."""
        await self._is_done.wait()

    def _answered(self, task_id: str, answer: asyncio.Future[PublishOutcome]) -> None:
        self._under_way -= 1
        outcome = answer.result()
        if outcome.outcome is Outcome.LOST:
            self._waiting.append(task_id)
        elif outcome.outcome is Outcome.REFUSED:
            self.refused += 1
            reason = f"{outcome.reason} ({outcome.reason_code:#x})"
            logger.warning("! mqtt the status of %s stays retained: %s", task_id, reason)
        self._note_state()

    def _note_state(self) -> None:
        if self._waiting:
            self._has_work.set()
        else:
            self._has_work.clear()
        if self._waiting or self._under_way:
            self._is_done.clear()
        else:
            self._is_done.set()
