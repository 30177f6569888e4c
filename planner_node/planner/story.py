"""One log line for each change of a task; never what the user said."""

import logging

from messages.status import TaskState
from planner_node.tasks.record import TaskRecord

log = logging.getLogger("planner_node.planner")


def tell(record: TaskRecord) -> None:
    """Say what has just been committed of this task."""
    level = logging.WARNING if record.state is TaskState.FAILED else logging.INFO
    log.log(level, "%s %s robot=%s", record.task_id, _line(record), record.robot_id)


def _line(record: TaskRecord) -> str:
    state, code = record.state, record.problem.code.value if record.problem else ""
    if state is TaskState.QUEUED and record.previous_state is TaskState.PLANNING:
        return f"↻ queued again attempt={record.attempt}"
    lines = {
        TaskState.QUEUED: f"→ queued priority={record.priority}",
        TaskState.PLANNING: f"→ planning attempt={record.attempt}",
        TaskState.INPUT_REQUIRED: "? input required",
        TaskState.PLANNED: f"← planned {record.subtasks_done} subtasks {_seconds(record)}",
        TaskState.DECLINED: f"← declined {code}",
        TaskState.FAILED: f"! failed {code} {_seconds(record)}",
        TaskState.CANCELED: "⊘ canceled",
        TaskState.EXPIRED: "⊘ expired",
    }
    return lines.get(state, f"→ {state.lower()}")


def _seconds(record: TaskRecord) -> str:
    if record.started is None or record.finished is None:
        return ""
    return f"{(record.finished - record.started).total_seconds():.2f}s"
