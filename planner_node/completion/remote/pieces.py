"""The lines of a streamed answer, as text, end and cost."""

from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from planner_node.completion.request import FinishReason

_FINISHES: Final = {
    "stop": FinishReason.STOP,
    "eos": FinishReason.STOP,
    "length": FinishReason.LENGTH,
}


class Garbled(Exception):
    """A line is not what a completion's stream consists of."""


class Cost(BaseModel):
    """What the server counted."""

    model_config = ConfigDict(extra="ignore")

    prompt_tokens: int = 0
    completion_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Piece:
    """One line's news: more text, the end, the cost, or nothing."""

    text: str = ""
    finish: FinishReason | None = None
    cost: Cost | None = None


class _Delta(BaseModel):
    model_config = ConfigDict(extra="ignore")

    content: str | None = None
    tool_calls: list[JsonValue] | None = None


class _Choice(BaseModel):
    model_config = ConfigDict(extra="ignore")

    text: str | None = None  # /v1/completions
    delta: _Delta = _Delta()  # /v1/chat/completions
    finish_reason: str | None = None


class _Line(BaseModel):
    model_config = ConfigDict(extra="ignore")

    choices: list[_Choice] = []
    usage: Cost | None = None
    error: JsonValue = None


def read_piece(data: str) -> Piece:
    """Read one ``data:`` line; raise Garbled where it is none, or tells a failure."""
    try:
        line = _Line.model_validate_json(data)
    except ValidationError as error:
        raise Garbled(f"sent a line that is no completion: {data[:200]!r}") from error
    if line.error is not None:
        raise Garbled(f"broke off with an error: {str(line.error)[:200]}")
    choice = line.choices[0] if line.choices else _Choice()
    if choice.delta.tool_calls:
        raise Garbled("answered with tool_calls, though no tools were given")
    return Piece(choice.text or choice.delta.content or "", _finish(choice), line.usage)


def _finish(choice: _Choice) -> FinishReason | None:
    if choice.finish_reason is None:
        return None
    if choice.finish_reason not in _FINISHES:
        raise Garbled(f"ended the answer with {choice.finish_reason!r}")
    return _FINISHES[choice.finish_reason]
