"""One turn of a conversation with a language model."""

from dataclasses import dataclass
from typing import Literal

from planner_node.stream.call import ToolCall

Role = Literal["system", "user", "assistant", "tool"]


@dataclass(frozen=True, slots=True)
class Message:
    """What one party said; ``tool_calls`` only where the assistant called tools."""

    role: Role
    content: str
    tool_calls: tuple[ToolCall, ...] = ()
