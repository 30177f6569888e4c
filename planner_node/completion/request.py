"""What a completion is asked for and what it answers, in words that every engine shares.

No token ids, no torch: a planner, a door and a remote engine all speak this.
"""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from planner_node.grammar.tool import NamedTool, Tool, ToolChoice, ToolUse
from planner_node.prompt.message import Message, Role
from planner_node.stream.call import ToolCall

__all__ = [
    "Completed",
    "Completer",
    "CompletionEvent",
    "CompletionRequest",
    "CompletionUsage",
    "FinishReason",
    "Message",
    "ModelInfo",
    "NamedTool",
    "Role",
    "TextChunk",
    "Tool",
    "ToolCall",
    "ToolChoice",
    "ToolUse",
]

DEFAULT_MAX_NEW_TOKENS = 256  # the seed's default


@dataclass(frozen=True, slots=True)
class CompletionRequest:
    """One conversation to be continued.

    With tools and a ``tool_choice`` that forces a call, the text is the Llama 3.1 envelope
    ``{"name": "decompose_task", "parameters": {...}}``, valid by construction.
    ``deadline_s`` is an instant of ``Clock.monotonic_s`` and ends in DeadlinePassed; ``timeout_s``
    counts from the call and ends in GenerationTimeout. ``temperature`` 0 is greedy. ``language``
    is the BCP 47 tag that a call's texts keep to: ``zh-TW`` cannot drift to Simplified.
    """

    request_id: str
    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice = ToolUse.REQUIRED
    max_new_tokens: int = DEFAULT_MAX_NEW_TOKENS
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int | None = None
    deadline_s: float | None = None
    preferred: tuple[tuple[str, float], ...] = ()  # (tool name, logits in its favour)
    timeout_s: float | None = None
    language: str | None = None


class FinishReason(StrEnum):
    """Why the text ends; anything worse than these is an exception."""

    STOP = "stop"  # the model ended its turn (free text)
    TOOL_CALL = "tool_call"  # the grammar is complete: the text is one whole, valid call
    LENGTH = "length"  # max_new_tokens or the context ended it: the text may be half a call


@dataclass(frozen=True, slots=True)
class CompletionUsage:
    """What the completion cost; times count from the call of ``stream``.

    ``forward_passes`` 0 = not known: a remote server does not tell.
    """

    prompt_tokens: int
    completion_tokens: int
    forward_passes: int
    first_token_ms: float
    latency_ms: float


@dataclass(frozen=True, slots=True)
class TextChunk:
    """The next piece of the answer, in order, never splitting a character."""

    text: str


@dataclass(frozen=True, slots=True)
class Completed:
    """The last event of a stream that ended well.

    ``context_tokens`` is the size of the context where this, and not max_new_tokens, is the LENGTH.
    """

    finish: FinishReason
    usage: CompletionUsage
    context_tokens: int | None = None


CompletionEvent = TextChunk | Completed


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What answers: shown to people and written beside every plan."""

    id: str
    quantization: str
    dtype: str
    context_tokens: int
    device: str


class Completer(Protocol):
    """Continues conversations; many at once, from one event loop."""

    @property
    def info(self) -> ModelInfo:
        """The model that answers."""
        ...

    def stream(self, request: CompletionRequest) -> AsyncGenerator[CompletionEvent, None]:
        """Yield text chunks, then one ``Completed``; leaving the generator cancels the work.

        Leave with ``contextlib.aclosing``, else the cancel waits for the collector.
        Raises leaves of ``planner_node.errors``: ContextTooLong, UnsupportedSchema,
        ModelNotReady, OutOfMemory, GenerationTimeout, DeadlinePassed, PlanInvalid, QueueFull,
        EndpointRefused, EngineDied.
        """
        ...

    def check(self, tools: tuple[Tool, ...]) -> None:
        """Compile the tools' schemas now; raise UnsupportedSchema where one cannot be kept."""
        ...
