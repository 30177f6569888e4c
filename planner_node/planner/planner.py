"""The hall's one face: what the doors and the node call."""

import contextlib
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from messages.plan import SubtaskList
from messages.problem import Problem, ProblemCode, problem
from messages.status import TaskState, TaskStatus
from messages.task import TaskCommand, TaskControl
from planner_node.errors import RowUnreadable, TaskMoved
from planner_node.planner.control import Control
from planner_node.planner.damage import end_damaged
from planner_node.planner.desk import Desk, with_problem
from planner_node.planner.durations import Durations
from planner_node.planner.intake import Intake, Submission
from planner_node.planner.ports import PlannerParts
from planner_node.planner.said import last_status
from planner_node.planner.shift import Shift
from planner_node.planner.watch import watch
from planner_node.tasks.lifecycle import TERMINAL, TaskEvent
from planner_node.tasks.record import (
    EventKind,
    Origin,
    Reply,
    StoredEvent,
    TaskFilter,
    TaskRecord,
)

__all__ = ["Load", "Planner", "PlannerParts", "Submission"]
# What only a control (or a feedback) on an accepted task is refused with.
_ABOUT_A_KNOWN_TASK: Final = frozenset(
    {ProblemCode.INVALID_STATE_TRANSITION, ProblemCode.NOT_ENABLED}
)
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Load:
    """How much there is to do."""

    queue_depth: int
    running: int


class Planner:
    """The one path of every task."""

    def __init__(self, parts: PlannerParts) -> None:
        self._parts = parts
        self._desk = Desk(parts)
        self._intake = Intake(self._desk)
        self._control = Control(self._desk)
        self._shift = Shift(self._desk)

    async def start(self) -> None:
        """Take up every task that had not ended when the node last stopped.

        Raises:
            JournalLost: the journal cannot be read or written.
        """
        for record in await self._parts.journal.unfinished():
            async with self._desk.ledger.hold(record.task_id):
                await self._recover(record)

    async def take_up(
        self,
        task_ids: Sequence[str],
        still_ours: Callable[[Sequence[str]], Awaitable[list[TaskRecord]]],
    ) -> None:
        """Go on with tasks of a node that is dead, unless a word here was quicker.

        ``still_ours`` reads those of them that have not ended and belong to this node. That is done
        while their gates are held: what a control has made of one since is not undone.

        Raises:
            JournalLost: the journal cannot be read or written; ask again.
        """
        async with contextlib.AsyncExitStack() as gates:
            for task_id in task_ids:
                await gates.enter_async_context(self._desk.ledger.hold(task_id))
            for record in await still_ours(task_ids):
                if not self._desk.ledger.knows(record):
                    await self._recover(record)

    async def run(self) -> None:
        """Plan until cancelled."""
        await self._shift.run()

    def hold(self) -> None:
        """Accept tasks and plan none until ``open``: the model is still loading."""
        self._shift.hold()

    def open(self) -> None:
        """Begin with what has gathered."""
        self._shift.open()

    async def drain(self, grace_s: float) -> None:
        """Stop taking tasks; what is not finished in ``grace_s`` goes back to the queue."""
        await self._shift.drain(grace_s)

    async def submit(self, command: TaskCommand, origin: Origin) -> Submission:
        """Accept a task; returns when it is committed.

        Raises:
            CommandRejected: BadCommand, DuplicateConflict, QueueFull, RateLimited,
                DeadlineAlreadyPassed, UnknownTool or NotEnabled.
            JournalLost: the disk refuses; nothing was promised.
        """
        return await self._intake.submit(command, origin)

    async def control(self, control: TaskControl, origin: Origin) -> TaskRecord:
        """Do what an operator asks of a task, and return the task as it then stands.

        Raises:
            CommandRejected: TaskNotFound, WrongState, NotEnabled or BadCommand.
            JournalLost: the disk refuses; nothing was done.
        """
        return await self._control.control(control, origin)

    async def refuse(
        self,
        problem: Problem,
        origin: Origin,
        task_id: str | None,
        *,
        is_control: bool = False,
        command: TaskCommand | None = None,
    ) -> None:
        """Answer a refused message: REJECTED, or for a control its task as it stands.

        ``command`` is what was refused, where it could be read; the answer echoes it.

        Raises:
            JournalLost: the answer is not on its way.
        """
        record = await self._known(task_id) if task_id else None
        about_record = is_control or problem.code in _ABOUT_A_KNOWN_TASK
        is_strange = record is not None and origin.robot_id not in {None, record.robot_id}
        if record is not None and about_record and not is_strange:
            event = self._desk.reporter.notice(record, problem, origin)
        else:
            event = self._desk.reporter.rejection(problem, origin, task_id, command)
            if record is not None:  # whoever follows that task hears nothing of it
                event = replace(event, task_id=None)
        await self._parts.journal.commit(None, [event])
        log.info("%s ! refused %s robot=%s", task_id, problem.code, origin.robot_id)

    async def _known(self, task_id: str) -> TaskRecord | None:
        try:
            return await self._desk.ledger.newest(task_id)
        except RowUnreadable:  # which may be what is refused here
            return None

    async def report(self, problem: Problem, reply: Reply | None = None) -> None:
        """Tell of input that no robot can be told about; ``reply`` is what its sender asked for.

        Raises:
            JournalLost: it is not on its way.
        """
        await self._parts.journal.commit(None, [self._desk.reporter.error(problem, reply)])
        log.info("! refused %s", problem.code)

    async def task(self, task_id: str) -> TaskRecord:
        """Return a task as it stands.

        Raises:
            TaskNotFound: it is not in the history.
        """
        return await self._desk.ledger.get_newest(task_id)

    async def tasks(self, filter: TaskFilter) -> list[TaskRecord]:  # noqa: A002  as its type
        """Return the tasks that fit, newest first."""
        return await self._parts.journal.tasks(filter)

    async def status_of(self, record: TaskRecord) -> TaskStatus:
        """Return how a task stands, as a message: once it has ended, always the same one."""
        if record.state in TERMINAL:
            told = await last_status(self._parts.journal, record.task_id)
            if told is not None and told.status_version == record.status_version:
                return told
        waits = record.state is TaskState.QUEUED
        return self._desk.reporter.status(record, self._desk.place(record) if waits else None)

    async def plan(self, task_id: str) -> SubtaskList | None:
        """Return the task's latest plan; None while there is none.

        Raises:
            TaskNotFound: there is no such task.
        """
        await self.task(task_id)
        events = await self._parts.journal.events(task_id)
        plans = [one.event.payload for one in events if one.event.kind is EventKind.PLAN]
        return SubtaskList.model_validate_json(plans[-1]) if plans else None

    def watch(self, task_id: str, after_id: int = 0) -> AsyncGenerator[StoredEvent, None]:
        """Yield what was said of a task after an event, then what is said, until its end.

        Raises:
            TaskNotFound: there is no such task.
        """
        return watch(self._parts.journal, task_id, after_id)

    @property
    def load(self) -> Load:
        """How much waits and how much is being planned."""
        return Load(len(self._desk.queue), len(self._desk.running))

    @property
    def ended(self) -> Mapping[TaskState, int]:
        """How many accepted tasks ended here since the start, by their terminal state."""
        counted = self._desk.ledger.ended
        return {state: counted[state] for state in sorted(TERMINAL - {TaskState.REJECTED})}

    @property
    def first_subtasks(self) -> Durations:
        """How long robots waited for the first subtask, from the request to the model on."""
        return self._desk.first_subtasks

    async def _recover(self, record: TaskRecord) -> None:
        with contextlib.suppress(TaskMoved):  # another node was here first
            await self._go_on(record)

    async def _go_on(self, record: TaskRecord) -> None:
        if record.damage is not None:
            await end_damaged(self._desk, record)
            return
        if record.state is TaskState.PLANNING:
            recovered = await self._interrupted(record)
            if recovered is None:
                return
            record = recovered
        self._desk.ledger.adopt(record)
        if record.state is TaskState.QUEUED:
            self._desk.enqueue(record)
        else:
            self._desk.watch_deadline(record)

    async def _interrupted(self, record: TaskRecord) -> TaskRecord | None:
        """A task that was being planned when the node died; too often, and it may be the cause."""
        tries = record.losses + 1
        if tries >= self._parts.planner.max_attempts:
            why = problem(ProblemCode.INTERNAL, {"attempts": tries})
            failed = with_problem(record, why)
            await self._desk.ledger.move(
                failed, TaskEvent.PLANNING_FAILED, before=self._desk.closing
            )
            return None
        again = replace(record, attempt=record.attempt + 1, losses=tries, subtasks_done=0)
        place = self._desk.place(again)
        return await self._desk.ledger.move(again, TaskEvent.INTERRUPTED, queue=place)
