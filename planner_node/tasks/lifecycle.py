"""The life of a task.

Rule 1: every change of a task's state is a row of TRANSITIONS; nothing else moves a task.
Rule 2: a state in TERMINAL is an end; PLANNED goes on only where the task is tracked.
"""

from enum import StrEnum
from typing import Final

from messages.status import TaskState


class TaskEvent(StrEnum):
    """What can happen to an accepted task."""

    STARTED = "STARTED"  # a place at the model was free
    PLAN_FINISHED = "PLAN_FINISHED"  # the whole plan is there
    QUESTION_ASKED = "QUESTION_ASKED"  # the model needs to know something first
    ANSWERED = "ANSWERED"  # somebody answered the question
    INTERRUPTED = "INTERRUPTED"  # the node stopped or lost its model; planned again later
    TASK_DECLINED = "TASK_DECLINED"  # not a task, unsafe or impossible
    PLANNING_FAILED = "PLANNING_FAILED"  # the node could not plan it
    CANCEL_ASKED = "CANCEL_ASKED"  # somebody asked for its end
    DEADLINE_PASSED = "DEADLINE_PASSED"  # too late, whatever it was doing
    EXECUTION_STARTED = "EXECUTION_STARTED"  # PLAN_AND_TRACK: the robot is at work
    SUBTASK_FAILED = "SUBTASK_FAILED"  # the plan needs a next revision
    REPLANNED = "REPLANNED"  # the next revision is there
    EXECUTION_FINISHED = "EXECUTION_FINISHED"  # every subtask is finished


_END_FROM_OUTSIDE: Final = {
    TaskEvent.CANCEL_ASKED: TaskState.CANCELED,
    TaskEvent.DEADLINE_PASSED: TaskState.EXPIRED,
}

TRANSITIONS: Final[dict[TaskState, dict[TaskEvent, TaskState]]] = {
    TaskState.QUEUED: {
        TaskEvent.STARTED: TaskState.PLANNING,
        TaskEvent.PLANNING_FAILED: TaskState.FAILED,  # it could not even begin
        **_END_FROM_OUTSIDE,
    },
    TaskState.PLANNING: {
        TaskEvent.PLAN_FINISHED: TaskState.PLANNED,
        TaskEvent.QUESTION_ASKED: TaskState.INPUT_REQUIRED,
        TaskEvent.INTERRUPTED: TaskState.QUEUED,
        TaskEvent.TASK_DECLINED: TaskState.DECLINED,
        TaskEvent.PLANNING_FAILED: TaskState.FAILED,
        **_END_FROM_OUTSIDE,
    },
    TaskState.INPUT_REQUIRED: {TaskEvent.ANSWERED: TaskState.QUEUED, **_END_FROM_OUTSIDE},
    TaskState.PLANNED: {TaskEvent.EXECUTION_STARTED: TaskState.EXECUTING},
    TaskState.EXECUTING: {
        TaskEvent.EXECUTION_FINISHED: TaskState.COMPLETED,
        TaskEvent.SUBTASK_FAILED: TaskState.REPLANNING,
        **_END_FROM_OUTSIDE,
    },
    TaskState.REPLANNING: {TaskEvent.REPLANNED: TaskState.EXECUTING, **_END_FROM_OUTSIDE},
    TaskState.COMPLETED: {},
    TaskState.REJECTED: {},
    TaskState.DECLINED: {},
    TaskState.FAILED: {},
    TaskState.CANCELED: {},
    TaskState.EXPIRED: {},
}

TERMINAL: Final = frozenset(
    {
        TaskState.PLANNED,
        TaskState.COMPLETED,
        TaskState.REJECTED,
        TaskState.DECLINED,
        TaskState.FAILED,
        TaskState.CANCELED,
        TaskState.EXPIRED,
    }
)


class IllegalTransition(Exception):
    """The task's state has no row for this event; the state stays as it was."""

    def __init__(self, state: TaskState, event: TaskEvent) -> None:
        super().__init__(f"a task that is {state} cannot take {event}")
        self.state = state
        self.event = event


def advance(state: TaskState, event: TaskEvent) -> TaskState:
    """Return the state after ``event``.

    Raises:
        IllegalTransition: the table has no such row.
    """
    try:
        return TRANSITIONS[state][event]
    except KeyError:
        raise IllegalTransition(state, event) from None
