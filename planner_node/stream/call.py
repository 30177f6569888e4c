"""The tool call that a finished document holds."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from pydantic import JsonValue


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One complete call; ``arguments_json`` is the very text the model wrote for ``arguments``."""

    name: str
    arguments_json: str
    arguments: Mapping[str, JsonValue]

    @classmethod
    def of(cls, name: str, arguments: Mapping[str, JsonValue]) -> Self:
        """Make a call whose arguments were not written by the model as they stand."""
        return cls(name, json.dumps(arguments, ensure_ascii=False), arguments)
