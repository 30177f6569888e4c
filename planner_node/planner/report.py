"""A task's record → the exact bytes that the world gets to see."""

from collections.abc import Sequence
from dataclasses import replace

from messages.plan import (
    GenerationReport,
    Subtask,
    SubtaskEvent,
    SubtaskEventType,
    SubtaskList,
)
from messages.problem import ErrorReport, Problem
from messages.status import Progress, QueuePosition, TaskState, TaskStatus, TaskTimes
from messages.task import TaskCommand
from messages.wire import encode, new_id
from planner_node.clock import Clock
from planner_node.tasks.record import Event, EventKind, Origin, Reply, TaskRecord, joined

_WITH_A_PLAN = frozenset(
    {TaskState.PLANNED, TaskState.EXECUTING, TaskState.REPLANNING, TaskState.COMPLETED}
)


class Reporter:
    """Writes messages in the name of one node."""

    def __init__(self, node_id: str, clock: Clock) -> None:
        self._node_id = node_id
        self._clock = clock

    def status(
        self,
        record: TaskRecord,
        queue: QueuePosition | None = None,
        problem: Problem | None = None,
    ) -> TaskStatus:
        """Return how a task stands; ``problem`` takes the place of the task's own."""
        return TaskStatus(
            message_id=new_id(),
            timestamp=self._clock.now(),
            node_id=self._node_id,
            task_id=record.task_id,
            robot_id=record.robot_id,
            status=record.state,
            previous_status=record.previous_state,
            status_version=record.status_version,
            revision=record.revision if record.state in _WITH_A_PLAN else None,
            queue=queue,
            progress=_progress(record),
            question=record.question,
            problem=problem or record.problem,
            warnings=list(record.warnings),
            requester=record.command.requester,
            labels=record.command.labels,
            times=_times(record),
        )

    def change(self, record: TaskRecord, queue: QueuePosition | None = None) -> Event:
        """Return the event of a change."""
        return Event(
            EventKind.STATUS,
            encode(self.status(record, queue)),
            record.task_id,
            record.robot_id,
            record.reply,
        )

    def change_for(
        self, record: TaskRecord, queue: QueuePosition | None, asker: Reply
    ) -> list[Event]:
        """Return the events of a change that somebody asked for, with what is to be echoed.

        Each topic hears it once. Where the asker names one, a copy goes to that topic alone, since
        the robot hears of the change anyway; else the change itself echoes what the asker sent.
        """
        change = self.change(record, queue)
        if asker.topic is not None:
            return [change, _copy(change, asker)]
        return [replace(change, reply=joined(record.reply, asker))]

    def notice(self, record: TaskRecord, problem: Problem | None, origin: Origin) -> Event:
        """Return the answer to a word about a task that stays as it is."""
        payload = encode(self.status(record.warned(origin.warnings), problem=problem))
        return Event(EventKind.NOTICE, payload, record.task_id, record.robot_id, origin.reply)

    def rejection(
        self,
        problem: Problem,
        origin: Origin,
        task_id: str | None,
        command: TaskCommand | None = None,
    ) -> Event:
        """Return the answer to a command that never became a task; None: it could not be read."""
        now = self._clock.now()
        status = TaskStatus(
            message_id=new_id(),
            timestamp=now,
            node_id=self._node_id,
            task_id=task_id,
            robot_id=origin.robot_id,
            status=TaskState.REJECTED,
            status_version=1,
            problem=problem,
            warnings=list(origin.warnings),
            requester=command and command.requester,
            labels=command.labels if command else [],
            times=TaskTimes(sent=command and command.timestamp, received=now, finished=now),
        )
        return Event(EventKind.NOTICE, encode(status), task_id, origin.robot_id, origin.reply)

    def error(self, problem: Problem, reply: Reply | None = None) -> Event:
        """Return the event for input that no robot can be told about."""
        report = ErrorReport(
            **dict(problem),
            message_id=new_id(),
            timestamp=self._clock.now(),
            node_id=self._node_id,
        )
        return Event(EventKind.ERROR, encode(report), reply=reply)

    def subtask_added(self, record: TaskRecord, subtask: Subtask) -> Event:
        """Return the event of one more subtask."""
        return self._stream_event(
            record, SubtaskEventType.SUBTASK_ADDED, seq=subtask.seq, subtask=subtask
        )

    def plan_completed(self, record: TaskRecord) -> Event:
        """Return the closing event of a whole plan."""
        return self._stream_event(
            record, SubtaskEventType.PLAN_COMPLETED, total=record.subtasks_total
        )

    def plan_failed(self, record: TaskRecord) -> Event:
        """Return the closing event of a plan that stays a piece."""
        return self._stream_event(record, SubtaskEventType.PLAN_FAILED, total=record.subtasks_done)

    def plan(
        self, record: TaskRecord, subtasks: Sequence[Subtask], generation: GenerationReport
    ) -> Event:
        """Return the event with the whole list."""
        message = SubtaskList(
            message_id=new_id(),
            timestamp=self._clock.now(),
            node_id=self._node_id,
            task_id=record.task_id,
            robot_id=record.robot_id,
            revision=record.revision,
            language=record.language,
            tasks=list(subtasks),
            generation=generation,
        )
        return Event(EventKind.PLAN, encode(message), record.task_id, record.robot_id, record.reply)

    def _stream_event(
        self,
        record: TaskRecord,
        kind: SubtaskEventType,
        *,
        seq: int | None = None,
        subtask: Subtask | None = None,
        total: int | None = None,
    ) -> Event:
        message = SubtaskEvent(
            timestamp=self._clock.now(),
            node_id=self._node_id,
            task_id=record.task_id,
            robot_id=record.robot_id,
            revision=record.revision,
            attempt=record.attempt,
            type=kind,
            seq=seq,
            subtask=subtask,
            total=total,
        )
        return Event(
            EventKind.SUBTASK, encode(message), record.task_id, record.robot_id, record.reply
        )


def _copy(change: Event, reply: Reply) -> Event:
    return replace(change, kind=EventKind.NOTICE, robot_id=None, reply=reply)


def _progress(record: TaskRecord) -> Progress | None:
    if record.started is None:
        return None
    return Progress(done=record.subtasks_done, total=record.subtasks_total)


def _times(record: TaskRecord) -> TaskTimes:
    return TaskTimes(
        sent=record.command.timestamp,
        expires=record.expires,
        received=record.received,
        queued=record.queued,
        started=record.started,
        finished=record.finished,
    )
