"""A tool that a model may call, and how free it is to do so."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from pydantic import JsonValue


@dataclass(frozen=True, slots=True)
class Tool:
    """One callable tool; ``parameters`` is the JSON Schema of its arguments.

    ``shown`` is the schema that the model reads, where it is not the one enforced: requests with
    limits of their own then still share one prompt prefix.
    """

    name: str
    description: str
    parameters: Mapping[str, JsonValue]
    shown: Mapping[str, JsonValue] | None = None


class ToolUse(StrEnum):
    """What the answer may be when tools are offered and none is chosen by name."""

    REQUIRED = "required"  # exactly one call of one of the tools
    AUTO = "auto"  # text, or one call
    NONE = "none"  # text only; the tools are not shown to the model


@dataclass(frozen=True, slots=True)
class NamedTool:
    """The answer must be one call of this very tool."""

    name: str


ToolChoice = ToolUse | NamedTool
