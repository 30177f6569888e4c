"""Records and events as the planner makes them, with as little said as possible."""

import json
from datetime import UTC, datetime
from typing import Any

from messages.task import TaskCommand
from planner_node.tasks.record import Event, EventKind, TaskRecord

MOMENT = datetime(2026, 3, 1, 12, 0, 0, 123_000, tzinfo=UTC)


def a_record(
    task_id: str = "task-1", *, labels: tuple[str, ...] = (), **changes: object
) -> TaskRecord:
    """Return a queued task of robot-1."""
    values: dict[str, Any] = {
        "task_id": task_id,
        "robot_id": "robot-1",
        "command": TaskCommand(instruction="將書本放在側桌上。", task_id=task_id, labels=[*labels]),
        "content_hash": "0" * 64,
        "language": "zh-TW",
        "received": MOMENT,
        **changes,
    }
    return TaskRecord(**values)


def a_status(task_id: str = "task-1", text: str = "QUEUED") -> Event:
    return Event(EventKind.STATUS, text.encode(), task_id, "robot-1")


def a_subtask(task_id: str = "task-1", *, seq: int, attempt: int = 1, revision: int = 0) -> Event:
    line = {"revision": revision, "attempt": attempt, "seq": seq, "task": "拿起書本"}
    payload = json.dumps(line, ensure_ascii=False).encode()
    return Event(EventKind.SUBTASK, payload, task_id, "robot-1")
