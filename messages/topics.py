"""The table of topics: one row a topic, and no topic string anywhere else."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from pydantic import BaseModel

from messages.fleet import PartitionChange
from messages.plan import SubtaskEvent, SubtaskList
from messages.problem import ErrorReport
from messages.robot import RobotProfile
from messages.status import NodeInfo, NodeStatus, TaskStatus
from messages.task import SubtaskFeedback, TaskCommand, TaskControl
from messages.wire import ID_PATTERN

DEFAULT_ROOT: Final = "planner/v1"
_ID = re.compile(ID_PATTERN)
_FIELD = re.compile(r"\{(\w+)\}")


class Direction(StrEnum):
    """Who publishes: ``IN`` comes to the node, ``OUT`` goes from it."""

    IN = "in"
    OUT = "out"


@dataclass(frozen=True, slots=True)
class Topic:
    """One row: a pattern with ``{ids}``, and what travels there."""

    pattern: str
    direction: Direction
    message: type[BaseModel]
    retain: bool = False
    qos: int = 1
    message_expiry_s: int | None = None

    @property
    def ids(self) -> list[str]:
        """The names of the ids in the pattern."""
        return _FIELD.findall(self.pattern)

    def filter(self, root: str = DEFAULT_ROOT) -> str:
        """Return the MQTT subscription filter."""
        return f"{root}/{_FIELD.sub('+', self.pattern)}"

    def name(self, root: str = DEFAULT_ROOT, **ids: str) -> str:
        """Return the topic for these ids.

        Raises:
            ValueError: an id could escape its topic level.
        """
        for key, value in ids.items():
            if not _ID.fullmatch(value):
                raise ValueError(f"{key} is not an id: {value!r}")
        return f"{root}/{self.pattern.format(**ids)}"

    def parts(self, topic: str, root: str = DEFAULT_ROOT) -> dict[str, str] | None:
        """Return the ids in a topic as they stand (unchecked), or None if it is not this row."""
        levels = f"{root}/{self.pattern}".split("/")
        if topic.count("/") != len(levels) - 1:  # before it is cut into 65,535 pieces
            return None
        given = topic.split("/")
        parts: dict[str, str] = {}
        for level, value in zip(levels, given, strict=True):
            if field := _FIELD.fullmatch(level):
                parts[field[1]] = value
            elif level != value:
                return None
        return parts


_DAY_S: Final = 86_400

ROBOT_TASK: Final = Topic("robots/{robot_id}/task", Direction.IN, TaskCommand)
ROBOT_CONTROL: Final = Topic("robots/{robot_id}/control", Direction.IN, TaskControl)
ROBOT_FEEDBACK: Final = Topic("robots/{robot_id}/feedback", Direction.IN, SubtaskFeedback)
ROBOT_PROFILE: Final = Topic("robots/{robot_id}/profile", Direction.IN, RobotProfile, retain=True)
FLEET_TASK: Final = Topic("fleet/task", Direction.IN, TaskCommand)
FLEET_PARTITION: Final = Topic("fleet/partition", Direction.IN, PartitionChange)
ROBOT_SUBTASKS: Final = Topic("robots/{robot_id}/subtasks", Direction.OUT, SubtaskList)
ROBOT_STREAM: Final = Topic("robots/{robot_id}/subtasks/stream", Direction.OUT, SubtaskEvent)
ROBOT_STATUS: Final = Topic("robots/{robot_id}/status", Direction.OUT, TaskStatus)
TASK_STATUS: Final = Topic(
    "tasks/{task_id}/status", Direction.OUT, TaskStatus, retain=True, message_expiry_s=_DAY_S
)
NODE_STATUS: Final = Topic("nodes/{node_id}/status", Direction.OUT, NodeStatus, retain=True)
NODE_INFO: Final = Topic("nodes/{node_id}/info", Direction.OUT, NodeInfo, retain=True)
ERRORS: Final = Topic("errors", Direction.OUT, ErrorReport)

TOPICS: Final[dict[str, Topic]] = {
    "robot_task": ROBOT_TASK,
    "robot_control": ROBOT_CONTROL,
    "robot_feedback": ROBOT_FEEDBACK,
    "robot_profile": ROBOT_PROFILE,
    "fleet_task": FLEET_TASK,
    "fleet_partition": FLEET_PARTITION,
    "robot_subtasks": ROBOT_SUBTASKS,
    "robot_stream": ROBOT_STREAM,
    "robot_status": ROBOT_STATUS,
    "task_status": TASK_STATUS,
    "node_status": NODE_STATUS,
    "node_info": NODE_INFO,
    "errors": ERRORS,
}
