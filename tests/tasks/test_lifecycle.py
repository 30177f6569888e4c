"""The life of a task is one table, and every pair of it is looked at."""

import pytest

from messages.status import TaskState
from planner_node.tasks.lifecycle import (
    TERMINAL,
    TRANSITIONS,
    IllegalTransition,
    TaskEvent,
    advance,
)

LEGAL = {
    (TaskState.QUEUED, TaskEvent.STARTED): TaskState.PLANNING,
    (TaskState.QUEUED, TaskEvent.PLANNING_FAILED): TaskState.FAILED,
    (TaskState.QUEUED, TaskEvent.CANCEL_ASKED): TaskState.CANCELED,
    (TaskState.QUEUED, TaskEvent.DEADLINE_PASSED): TaskState.EXPIRED,
    (TaskState.PLANNING, TaskEvent.PLAN_FINISHED): TaskState.PLANNED,
    (TaskState.PLANNING, TaskEvent.QUESTION_ASKED): TaskState.INPUT_REQUIRED,
    (TaskState.PLANNING, TaskEvent.INTERRUPTED): TaskState.QUEUED,
    (TaskState.PLANNING, TaskEvent.TASK_DECLINED): TaskState.DECLINED,
    (TaskState.PLANNING, TaskEvent.PLANNING_FAILED): TaskState.FAILED,
    (TaskState.PLANNING, TaskEvent.CANCEL_ASKED): TaskState.CANCELED,
    (TaskState.PLANNING, TaskEvent.DEADLINE_PASSED): TaskState.EXPIRED,
    (TaskState.INPUT_REQUIRED, TaskEvent.ANSWERED): TaskState.QUEUED,
    (TaskState.INPUT_REQUIRED, TaskEvent.CANCEL_ASKED): TaskState.CANCELED,
    (TaskState.INPUT_REQUIRED, TaskEvent.DEADLINE_PASSED): TaskState.EXPIRED,
    (TaskState.PLANNED, TaskEvent.EXECUTION_STARTED): TaskState.EXECUTING,
    (TaskState.EXECUTING, TaskEvent.EXECUTION_FINISHED): TaskState.COMPLETED,
    (TaskState.EXECUTING, TaskEvent.SUBTASK_FAILED): TaskState.REPLANNING,
    (TaskState.EXECUTING, TaskEvent.CANCEL_ASKED): TaskState.CANCELED,
    (TaskState.EXECUTING, TaskEvent.DEADLINE_PASSED): TaskState.EXPIRED,
    (TaskState.REPLANNING, TaskEvent.REPLANNED): TaskState.EXECUTING,
    (TaskState.REPLANNING, TaskEvent.CANCEL_ASKED): TaskState.CANCELED,
    (TaskState.REPLANNING, TaskEvent.DEADLINE_PASSED): TaskState.EXPIRED,
}
PAIRS = [(state, event) for state in TaskState for event in TaskEvent]


@pytest.mark.parametrize(("state", "event"), LEGAL)
def test_advance_with_a_row_follows_it(state: TaskState, event: TaskEvent) -> None:
    assert advance(state, event) is LEGAL[state, event]


@pytest.mark.parametrize(("state", "event"), [pair for pair in PAIRS if pair not in LEGAL])
def test_advance_without_a_row_is_refused(state: TaskState, event: TaskEvent) -> None:
    with pytest.raises(IllegalTransition) as refusal:
        advance(state, event)
    assert (refusal.value.state, refusal.value.event) == (state, event)


def test_every_state_has_its_rows() -> None:
    assert set(TRANSITIONS) == set(TaskState)


@pytest.mark.parametrize("state", sorted(set(TaskState) - TERMINAL))
def test_every_living_state_can_be_canceled_and_can_expire(state: TaskState) -> None:
    assert advance(state, TaskEvent.CANCEL_ASKED) is TaskState.CANCELED
    assert advance(state, TaskEvent.DEADLINE_PASSED) is TaskState.EXPIRED


@pytest.mark.parametrize("state", sorted(TERMINAL - {TaskState.PLANNED}))
def test_a_terminal_state_has_no_way_out(state: TaskState) -> None:
    assert TRANSITIONS[state] == {}
