"""What is heard on the topics that the node speaks on: anybody may publish there."""

from typing import Final, TypeVar

from pydantic import BaseModel
from rich.console import Console
from rich.markup import escape

from messages.decode import Refused, decode
from messages.problem import problem
from planner_node.mqtt.packets import Delivery

_ERRORS: Final = Console(stderr=True, highlight=False)

Message = TypeVar("Message", bound=BaseModel)


def heard(model: type[Message], delivery: Delivery) -> Message | None:
    """Read a message; what cannot be one of the node's is told in one line, and is None."""
    try:
        # The broker let it through, and a plan may be longer than a command.
        return decode(model, delivery.payload, len(delivery.payload)).message
    except Refused as refused:
        _skipped(delivery.topic, refused)
        return None


def _skipped(topic: str, refused: Refused) -> None:
    told = problem(refused.code)
    place = "".join(char if char.isprintable() else "?" for char in topic)  # a stranger chose it
    chinese = "".join(words.description for words in told.translations)
    text = f"! {place}: skipped. {told.code}: {told.description} 已略過：{chinese}"
    _ERRORS.print(f"[yellow]{escape(text)}[/]", soft_wrap=True)
