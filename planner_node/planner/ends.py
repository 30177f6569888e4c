"""The moments at which a task is too late, and what is then said."""

from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Final

from messages.problem import Problem, ProblemCode, problem
from messages.status import TaskState
from messages.wire import format_timestamp
from planner_node.tasks.record import TaskRecord

_NOBODY_ANSWERED: Final = (
    "Nobody answered within input_timeout_s; send the task again under a new task_id.",
    "在 input_timeout_s 秒內無人回答；請以新的 task_id 重新送出任務。",
)


class Limit(Enum):
    """What can run out."""

    DEADLINE = auto()  # the command's own
    MESSAGE_EXPIRY = auto()  # its message's; whoever sent it does not want it begun later
    ANSWER = auto()  # the patience with whoever was asked something


def ends_of(record: TaskRecord, input_timeout_s: int) -> dict[Limit, datetime]:
    """Return when each limit that holds for the task runs out; the earliest counts."""
    ends = {}
    if record.command.deadline is not None:
        ends[Limit.DEADLINE] = record.command.deadline
    asked = record.asked or record.started  # an older node did not note the former
    if record.state is TaskState.INPUT_REQUIRED and asked is not None:
        ends[Limit.ANSWER] = asked + timedelta(seconds=input_timeout_s)
    if record.expires is not None and record.started is None:
        ends[Limit.MESSAGE_EXPIRY] = record.expires
    return ends


def too_late(record: TaskRecord, input_timeout_s: int) -> Problem:
    """Return the problem of a task that is due, in the state in which it became so."""
    ends = ends_of(record, input_timeout_s)
    limit = min(ends, key=lambda one: ends[one], default=Limit.DEADLINE)
    when = format_timestamp(ends[limit]) if limit in ends else ""
    status = record.state
    match limit:
        case Limit.ANSWER:
            facts = {"input_timeout_s": input_timeout_s, "answer_until": when, "status": status}
            return problem(ProblemCode.EXPIRED, facts, _NOBODY_ANSWERED)
        case Limit.MESSAGE_EXPIRY:
            return problem(ProblemCode.EXPIRED, {"message_expiry": when, "status": status})
        case Limit.DEADLINE:
            begun = record.started is not None
            code = ProblemCode.DEADLINE_EXCEEDED if begun else ProblemCode.EXPIRED
            return problem(code, {"deadline": when, "status": status})
