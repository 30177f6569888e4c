"""What is said of a task that is too late tells which of its limits ran out, and where."""

from datetime import datetime, timedelta

import pytest

from messages.status import TaskState
from messages.task import TaskCommand
from messages.wire import format_timestamp
from planner_node.planner.ends import Limit, ends_of, too_late
from tests.fakes.record import MOMENT, a_record

SOON, LATER = MOMENT + timedelta(seconds=60), MOMENT + timedelta(hours=1)
PATIENCE_S = 60
WAITS, BEGUN = {"state": TaskState.QUEUED}, {"state": TaskState.PLANNING, "started": MOMENT}
BEGUN_AND_BACK = {**WAITS, "started": MOMENT}
ASKS = {"state": TaskState.INPUT_REQUIRED, "started": MOMENT, "asked": MOMENT}


def due(deadline: datetime | None) -> TaskCommand:
    return TaskCommand(instruction="go", deadline=deadline)


@pytest.mark.parametrize(
    ("fields", "deadline", "code", "reference"),
    [
        (WAITS, SOON, "EXPIRED", ("deadline", format_timestamp(SOON))),
        (BEGUN, SOON, "DEADLINE_EXCEEDED", ("deadline", format_timestamp(SOON))),
        (BEGUN_AND_BACK, SOON, "DEADLINE_EXCEEDED", ("deadline", format_timestamp(SOON))),
        (WAITS | {"expires": SOON}, LATER, "EXPIRED", ("message_expiry", format_timestamp(SOON))),
        (WAITS | {"expires": LATER}, SOON, "EXPIRED", ("deadline", format_timestamp(SOON))),
        (ASKS, None, "EXPIRED", ("input_timeout_s", "60")),
        (ASKS, LATER, "EXPIRED", ("input_timeout_s", "60")),
        (ASKS, MOMENT, "DEADLINE_EXCEEDED", ("deadline", format_timestamp(MOMENT))),
    ],
)
def test_the_limit_that_ran_out_first_is_told(
    fields: dict[str, object], deadline: datetime | None, code: str, reference: tuple[str, str]
) -> None:
    told = too_late(a_record(command=due(deadline), **fields), PATIENCE_S)
    first, *_ = told.references
    assert (told.code, (first.key, first.value)) == (code, reference)


def test_the_time_for_an_answer_runs_from_the_question() -> None:
    record = a_record(**ASKS | {"asked": SOON})
    assert ends_of(record, PATIENCE_S) == {Limit.ANSWER: SOON + timedelta(seconds=PATIENCE_S)}


def test_a_question_of_which_no_moment_is_known_has_its_time_from_the_start() -> None:
    record = a_record(**ASKS | {"asked": None})
    assert ends_of(record, PATIENCE_S) == {Limit.ANSWER: MOMENT + timedelta(seconds=PATIENCE_S)}
