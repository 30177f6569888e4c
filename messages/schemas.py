"""The JSON Schema of every message, by name."""

from typing import Final

from pydantic import BaseModel

from messages.fleet import PartitionChange
from messages.plan import Subtask, SubtaskEvent, SubtaskList
from messages.problem import ErrorReport, Problem
from messages.robot import RobotProfile
from messages.status import NodeInfo, NodeStatus, TaskStatus
from messages.task import SubtaskFeedback, TaskCommand, TaskControl
from messages.wire import JsonValue

MESSAGES: Final[dict[str, type[BaseModel]]] = {
    model.__name__: model
    for model in (
        ErrorReport,
        NodeInfo,
        NodeStatus,
        PartitionChange,
        Problem,
        RobotProfile,
        Subtask,
        SubtaskEvent,
        SubtaskFeedback,
        SubtaskList,
        TaskCommand,
        TaskControl,
        TaskStatus,
    )
}


def json_schema(name: str) -> dict[str, JsonValue]:
    """Return the JSON Schema of the message called ``name``.

    Raises:
        KeyError: no message has this name.
    """
    return MESSAGES[name].model_json_schema(mode="serialization")
