"""Follows what the node says to robots."""

from typing import Final, Self

from pydantic import BaseModel, ConfigDict, JsonValue, model_validator
from rich.console import Console
from rich.markup import escape

from messages.topics import (
    ERRORS,
    NODE_STATUS,
    ROBOT_STATUS,
    ROBOT_STREAM,
    ROBOT_SUBTASKS,
    Topic,
)
from planner_node.cli.heard import heard
from planner_node.cli.session import visit
from planner_node.mqtt.packets import Delivery
from planner_node.settings import Settings

_ROBOT_TOPICS: Final = (ROBOT_STATUS, ROBOT_STREAM, ROBOT_SUBTASKS)
_NODE_TOPICS: Final = (NODE_STATUS, ERRORS)


class _Part(BaseModel):
    """Fields that a newer node may have added are left alone: whoever watches still sees."""

    model_config = ConfigDict(frozen=True)


class _Subtask(_Part):
    task: str


class _Problem(_Part):
    code: str


class _Glimpse(_Part):
    """What is shown of any message of the node."""

    task_id: str | None = None
    status: str | None = None
    type: str | None = None
    state: str | None = None
    code: str | None = None
    subtask: _Subtask | None = None
    problem: _Problem | None = None
    tasks: list[JsonValue] | None = None

    @property
    def kind(self) -> str | None:
        """What it says, in the word of its kind of message."""
        return self.status or self.type or self.state or self.code

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.kind is None and self.tasks is None:
            raise ValueError("no message of the node")
        return self


async def watch_robots(settings: Settings, robot_id: str | None) -> None:
    """Print one line a message, until cancelled; without a robot, the whole fleet's.

    Raises:
        BrokerRefused: no broker, or the connection broke.
    """
    root = settings.mqtt.root
    filters = [_filter(topic, root, robot_id) for topic in _ROBOT_TOPICS]
    filters += [topic.filter(root) for topic in _NODE_TOPICS if robot_id is None]
    console = Console(highlight=False)
    console.print(f"[dim]following {', '.join(filters)} · Ctrl-C ends[/]", soft_wrap=True)
    async with visit(settings, filters) as visitor:
        async for delivery in visitor.deliveries():
            if (line := _line(delivery, root)) is not None:
                console.print(line, soft_wrap=True)


def _filter(topic: Topic, root: str, robot_id: str | None) -> str:
    return topic.filter(root) if robot_id is None else topic.name(root, robot_id=robot_id)


def _line(delivery: Delivery, root: str) -> str | None:
    place = f"[dim]{escape(delivery.topic.removeprefix(f'{root}/'))}[/]  "
    if not delivery.payload:  # a retained message was taken away
        return place
    glimpse = heard(_Glimpse, delivery)
    if glimpse is None:
        return None
    words = (
        glimpse.task_id,
        glimpse.kind,
        glimpse.subtask and glimpse.subtask.task,
        glimpse.problem and glimpse.problem.code,
        None if glimpse.tasks is None else f"{len(glimpse.tasks)} subtasks",
    )
    return place + "  ".join(escape(word) for word in words if word)
