"""Follows what the node says to robots."""

import json
from typing import Final

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
from planner_node.cli.session import visit
from planner_node.mqtt.packets import Delivery
from planner_node.settings import Settings

_ROBOT_TOPICS: Final = (ROBOT_STATUS, ROBOT_STREAM, ROBOT_SUBTASKS)
_NODE_TOPICS: Final = (NODE_STATUS, ERRORS)


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
    async with visit(settings.mqtt, filters) as visitor:
        async for delivery in visitor.deliveries():
            console.print(_line(delivery, root), soft_wrap=True)


def _filter(topic: Topic, root: str, robot_id: str | None) -> str:
    return topic.filter(root) if robot_id is None else topic.name(root, robot_id=robot_id)


def _line(delivery: Delivery, root: str) -> str:
    place = delivery.topic.removeprefix(f"{root}/")
    message = json.loads(delivery.payload) if delivery.payload else {}
    subtask = message.get("subtask") or {}
    words = (
        message.get("task_id"),
        message.get("status") or message.get("type") or message.get("state") or message.get("code"),
        subtask.get("task"),
        (message.get("problem") or {}).get("code"),
        f"{len(message['tasks'])} subtasks" if "tasks" in message else None,
    )
    return f"[dim]{escape(place)}[/]  " + "  ".join(escape(str(word)) for word in words if word)
