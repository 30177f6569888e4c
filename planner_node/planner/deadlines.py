"""Which task is due when, and the one timer that looks."""

import asyncio
import logging
from bisect import bisect_left, bisect_right, insort
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final

from messages.status import TaskState
from planner_node.clock import Clock
from planner_node.errors import JournalLost
from planner_node.tasks.record import TaskRecord

log = logging.getLogger(__name__)
# The wall clock may be set while we wait; so nobody waits longer than this without a look.
_LONGEST_WAIT_S: Final = 1.0
_RETRY_S: Final = 1.0
_BATCH: Final = 64


def due_at(record: TaskRecord, input_timeout_s: float) -> datetime | None:
    """Return when a task must have ended: its own deadline, or its question's end of patience."""
    moments = [record.command.deadline] if record.command.deadline else []
    if record.state is TaskState.INPUT_REQUIRED and record.started is not None:
        moments.append(record.started + timedelta(seconds=input_timeout_s))
    return min(moments, default=None)


class Timetable:
    """Task ids by the moment they are due."""

    def __init__(self) -> None:
        self._moments: dict[str, datetime] = {}
        self._order: list[tuple[datetime, str]] = []

    def set(self, task_id: str, moment: datetime | None) -> None:
        """Note when the task is due; None is never."""
        before = self._moments.pop(task_id, None)
        if before is not None:
            del self._order[bisect_left(self._order, (before, task_id))]
        if moment is not None:
            self._moments[task_id] = moment
            insort(self._order, (moment, task_id))

    @property
    def first(self) -> datetime | None:
        """The earliest moment at which something is due."""
        return self._order[0][0] if self._order else None

    def due(self, now: datetime, limit: int) -> list[str]:
        """Remove and return at most ``limit`` tasks that are due, the earliest first."""
        end = min(bisect_right(self._order, now, key=lambda item: item[0]), limit)
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
        self._changed = asyncio.Event()

    def watch(self, task_id: str, moment: datetime | None) -> None:
        """Look at the task at this moment; None is never."""
        self._timetable.set(task_id, moment)
        self._changed.set()

    async def run(self) -> None:
        """Look, wait, look again, until cancelled."""
        while True:
            self._changed.clear()
            due = self._timetable.due(self._clock.now(), _BATCH)
            await asyncio.gather(*(self._look_at(task_id) for task_id in due))
            if not due:
                await self._wait()

    async def _wait(self) -> None:
        first = self._timetable.first
        wait_s = None
        if first is not None:
            left_s = (first - self._clock.now()).total_seconds()
            wait_s = min(max(left_s, 0.0), _LONGEST_WAIT_S)
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
        self._timetable.set(task_id, self._clock.now() + timedelta(seconds=_RETRY_S))
