"""The tool call that a finished document holds."""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import JsonValue


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One complete call; ``arguments_json`` is the very text the model wrote for ``arguments``."""

    name: str
    arguments_json: str
    arguments: Mapping[str, JsonValue]
