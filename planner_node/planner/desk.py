"""What submitting, controlling, expiring and planning share."""

import asyncio
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from messages.problem import Problem
from messages.status import QueuePosition, TaskState
from planner_node.errors import TaskMoved
from planner_node.planner.crowd import Crowd
from planner_node.planner.deadlines import Deadlines
from planner_node.planner.durations import FIRST_SUBTASK_BOUNDS_S, Durations
from planner_node.planner.ends import ends_of, too_late
from planner_node.planner.leash import Leash, Pull
from planner_node.planner.ledger import Ledger
from planner_node.planner.ports import PlannerParts
from planner_node.planner.report import Reporter
from planner_node.tasks.lifecycle import TERMINAL, TaskEvent
from planner_node.tasks.rate import RateLimit
from planner_node.tasks.ready import ReadyQueue, Waiting
from planner_node.tasks.record import Event, Reply, TaskRecord


class Desk:
    """The queue, the ledger, the timer and the running plans of one node."""

    def __init__(self, parts: PlannerParts) -> None:
        self.parts = parts
        self.reporter = Reporter(parts.node_id, parts.clock)
        self.ledger = Ledger(parts.journal, self.reporter, parts.clock)
        room = parts.queue
        self.queue = ReadyQueue(room.capacity, robot_capacity=room.robot_capacity)
        self.crowd = Crowd()
        self.rate = RateLimit(parts.queue.robot_tasks_per_minute, parts.queue.robot_burst)
        self.deadlines = Deadlines(parts.clock, self.expire)
        self.running: dict[str, Leash] = {}
        self.first_subtasks = Durations(FIRST_SUBTASK_BOUNDS_S)
        self.work = asyncio.Event()  # something may be taken from the queue

    def enqueue(self, record: TaskRecord) -> None:
        """Let the task wait for its turn."""
        self.queue.put(
            Waiting(
                record.task_id,
                record.robot_id or "",
                record.priority,
                record.command.deadline,
                record.arrival,
            )
        )
        self.watch_deadline(record)
        self.work.set()

    def watch_deadline(self, record: TaskRecord) -> None:
        """Have the timer look at the task when it is due, or no more."""
        self.deadlines.watch(record.task_id, () if record.state in TERMINAL else self._ends(record))

    def place(self, record: TaskRecord) -> QueuePosition:
        """Return where the task stands, or would stand if it came now."""
        waits = self.queue.position(record.task_id)
        if waits is not None:
            return QueuePosition(position=waits, depth=self.queue.depth)
        position = self.queue.place(record.robot_id or "", record.priority, record.command.deadline)
        return QueuePosition(position=position, depth=self.queue.depth + 1)

    def is_due(self, record: TaskRecord) -> bool:
        """Whether the task must have ended by now."""
        return any(self.deadlines.is_due(record.task_id, end) for end in self._ends(record))

    def deadline_s(self, record: TaskRecord) -> float | None:
        """Return the task's own deadline on the monotonic clock."""
        deadline = record.command.deadline
        return None if deadline is None else self.deadlines.due_s(record.task_id, deadline)

    def too_late(self, record: TaskRecord) -> Problem:
        """Return the problem of a task that is due."""
        return too_late(record, self.parts.planner.input_timeout_s)

    def _ends(self, record: TaskRecord) -> Collection[datetime]:
        return ends_of(record, self.parts.planner.input_timeout_s).values()

    async def expire(self, task_id: str) -> None:
        """End a task that is due; one that is not, or not any more, stays as it is."""
        async with self.ledger.hold(task_id):
            record = await self.ledger.find(task_id)
            if record is None or record.state in TERMINAL:
                self.deadlines.watch(task_id, ())
                return
            if self.is_due(record):
                try:
                    await self.end(record, TaskEvent.DEADLINE_PASSED)
                except TaskMoved:  # its new owner watches the time
                    self.deadlines.watch(task_id, ())
            else:
                self.watch_deadline(record)

    async def end(
        self, record: TaskRecord, event: TaskEvent, asker: Reply | None = None
    ) -> TaskRecord:
        """Cancel or expire a task, wherever it is; its gate is held.

        Raises:
            IllegalTransition: it has ended already.
        """
        why = self.too_late(record) if event is TaskEvent.DEADLINE_PASSED else None
        ended = await self.ledger.move(
            with_problem(record, why), event, before=self.closing, asker=asker
        )
        self.queue.remove(record.task_id)
        self.deadlines.watch(record.task_id, ())
        if (leash := self.running.get(record.task_id)) is not None:
            leash.pull(Pull.ENDED)
        return ended

    def closing(self, record: TaskRecord) -> list[Event]:
        """Return the last line of a stream that somebody may be reading."""
        if record.state is TaskState.FAILED or self._is_cut_off(record):
            return [self.reporter.plan_failed(record)]
        return []

    @staticmethod
    def _is_cut_off(record: TaskRecord) -> bool:
        """Whether a stream ends here: in an end, or in a question, which closes it at once."""
        is_open = record.streamed and record.previous_state is not TaskState.INPUT_REQUIRED
        return is_open and (record.state in TERMINAL or record.state is TaskState.INPUT_REQUIRED)


def with_problem(record: TaskRecord, what: Problem | None) -> TaskRecord:
    """Return the record with this problem, and without a question that nobody waits for."""
    return replace(record, problem=what, question=None)
