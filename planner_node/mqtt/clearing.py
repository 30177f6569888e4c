"""Takes the retained statuses of tasks that left the history off the broker.

How it works. As many as wait, up to a hundred, are sent as fast as the connection's publish window
has room; what a connection took with it goes out on the next one. What is left when the node ends
stays retained until its expiry, as on a broker that refuses; over MQTT 3.1.1, which knows no
expiry, until somebody clears it.

An id may be used again as soon as the history is without it, and then its retained status is the
new task's. So the journal is asked before they are sent; and again when the broker has answered,
since a task may have come in between, here or at another node: its status is said once more then,
in the outbox's order.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from itertools import islice
from typing import Final, TypeVar

from planner_node.errors import JournalLost
from planner_node.mqtt.outbound import JOURNAL_RETRY_S, Session, Sessions, until_ours
from planner_node.mqtt.packets import Outcome, PublishOutcome
from planner_node.mqtt.ports import Outbox
from planner_node.mqtt.routes import clearing_of
from planner_node.tasks.record import EventKind

logger = logging.getLogger(__name__)
Answer = TypeVar("Answer")
AT_ONCE: Final = 100
MAX_WAITING: Final = 100_000  # some 10 MiB; as many as the history holds unless told otherwise


class Clearing:
    """The ids that wait, the oldest first; each until its PUBACK has come."""

    def __init__(
        self, sessions: Sessions, outbox: Outbox, root: str, max_waiting: int = MAX_WAITING
    ) -> None:
        self.refused = 0
        self._sessions = sessions
        self._outbox = outbox
        self._root = root
        self._max_waiting = max_waiting
        self._waiting: deque[str] = deque()
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
            await until_ours(self._outbox)
            await self._clear(session, [*islice(self._waiting, AT_ONCE)])
            self._note_state()

    async def drained(self) -> None:
        """Wait until nothing is left to clear; the caller brings the deadline."""
        await self._is_done.wait()

    async def _clear(self, session: Session, task_ids: Sequence[str]) -> None:
        """Clear the first that wait; those that the connection took with it wait again."""
        back = await self._back(task_ids)
        answers = {
            task_id: await session.send(clearing_of(task_id, self._root), self._ours_until_s)
            for task_id in task_ids
            if task_id not in back
        }
        outcomes = {task_id: await answer for task_id, answer in answers.items()}
        back = await self._back([*answers])
        for _ in task_ids:
            self._waiting.popleft()
        for task_id, outcome in outcomes.items():
            if outcome.outcome is Outcome.REFUSED:
                self._refused(task_id, outcome)
            elif task_id in back:
                await self._say_again(task_id)
            elif outcome.outcome is Outcome.LOST:
                self._waiting.append(task_id)

    def _ours_until_s(self) -> float:
        return self._outbox.ours_until_s

    async def _back(self, task_ids: Sequence[str]) -> set[str]:
        """Return those that the journal has again."""
        return await _insist(lambda: self._outbox.known(task_ids))

    async def _say_again(self, task_id: str) -> None:
        await _insist(lambda: self._outbox.replay(task_id, (EventKind.STATUS,), None))

    def _refused(self, task_id: str, outcome: PublishOutcome) -> None:
        self.refused += 1
        reason = f"{outcome.reason} ({outcome.reason_code:#x})"
        logger.warning("! mqtt the status of %s stays retained: %s", task_id, reason)

    def _note_state(self) -> None:
        if self._waiting:
            self._has_work.set()
            self._is_done.clear()
        else:
            self._has_work.clear()
            self._is_done.set()


async def _insist(question: Callable[[], Awaitable[Answer]]) -> Answer:
    """Ask the journal until it answers; that it does not is told where more depends on it."""
    while True:
        try:
            return await question()
        except JournalLost:
            await asyncio.sleep(JOURNAL_RETRY_S)
