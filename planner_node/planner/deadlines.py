"""Which task is due when, and the one timer that looks.

How it works: a deadline is a moment on the wall clock, and becomes one on the monotonic clock when
the task is first watched. So a wall clock that is set later makes nothing due, and nothing late.
"""

import asyncio
import logging
from bisect import bisect_left, bisect_right, insort
from collections.abc import Awaitable, Callable, Collection
from datetime import datetime
from typing import Final

from planner_node.clock import Clock
from planner_node.errors import JournalLost

log = logging.getLogger(__name__)
# The loop's clock need not be ours; so nobody waits longer than this without a look.
_LONGEST_WAIT_S: Final = 1.0
_RETRY_S: Final = 1.0
_BATCH: Final = 64


class Timetable:
    """Task ids by the second of the monotonic clock at which they are due."""

    def __init__(self) -> None:
        self._due_s: dict[str, float] = {}
        self._order: list[tuple[float, str]] = []

    def set(self, task_id: str, due_s: float | None) -> None:
        """Note when the task is due; None is never."""
        before_s = self._due_s.pop(task_id, None)
        if before_s is not None:
            del self._order[bisect_left(self._order, (before_s, task_id))]
        if due_s is not None:
            self._due_s[task_id] = due_s
            insort(self._order, (due_s, task_id))

    @property
    def first_s(self) -> float | None:
        """The earliest second at which something is due."""
        return self._order[0][0] if self._order else None

    def due(self, now_s: float, limit: int) -> list[str]:
        """Remove and return at most ``limit`` tasks that are due, the earliest first."""
        end = min(bisect_right(self._order, now_s, key=lambda item: item[0]), limit)
        task_ids = [task_id for _, task_id in self._order[:end]]
        for task_id in task_ids:
            self.set(task_id, None)
        return task_ids


class Deadlines:
    """Calls ``expire`` for each task that is due, and again later where that fails."""

    def __init__(self, clock: Clock, expire: Callable[[str], Awaitable[None]]) -> None:
        self._clock = clock
        self._expire = expire
        self._timetable = Timetable()
        self._known_s: dict[str, dict[datetime, float]] = {}  # of the tasks that are watched
        self._changed = asyncio.Event()

    def watch(self, task_id: str, moments: Collection[datetime]) -> None:
        """Look at the task at the earliest of these moments; without any never, and no more."""
        due_s = [self._noted_s(task_id, moment) for moment in moments]
        self._timetable.set(task_id, min(due_s, default=None))
        if not moments:
            self._known_s.pop(task_id, None)
        self._changed.set()

    def due_s(self, task_id: str, moment: datetime) -> float:
        """Return the moment on the monotonic clock, as it was when the task was first watched."""
        known_s = self._known_s.get(task_id, {}).get(moment)
        return self._from_now_s(moment) if known_s is None else known_s

    def is_due(self, task_id: str, moment: datetime) -> bool:
        """Whether the moment has come for this task."""
        return self.due_s(task_id, moment) <= self._clock.monotonic_s()

    def _noted_s(self, task_id: str, moment: datetime) -> float:
        known_s = self._known_s.setdefault(task_id, {})
        return known_s.setdefault(moment, self._from_now_s(moment))

    def _from_now_s(self, moment: datetime) -> float:
        return self._clock.monotonic_s() + (moment - self._clock.now()).total_seconds()

    async def run(self) -> None:
        """Look, wait, look again, until cancelled."""
        while True:
            self._changed.clear()
            due = self._timetable.due(self._clock.monotonic_s(), _BATCH)
            await asyncio.gather(*(self._look_at(task_id) for task_id in due))
            if not due:
                await self._wait()

    async def _wait(self) -> None:
        first_s = self._timetable.first_s
        wait_s = None
        if first_s is not None:
            wait_s = min(max(first_s - self._clock.monotonic_s(), 0.0), _LONGEST_WAIT_S)
        try:
            async with asyncio.timeout(wait_s):
                await self._changed.wait()
        except TimeoutError:
            return

    async def _look_at(self, task_id: str) -> None:
        try:
            await self._expire(task_id)
        except JournalLost:  # the journal itself tells why
            self._look_later(task_id)
        except Exception:
            log.exception("! %s cannot expire now", task_id)
            self._look_later(task_id)

    def _look_later(self, task_id: str) -> None:
        self._timetable.set(task_id, self._clock.monotonic_s() + _RETRY_S)
