"""Numbers and formats that stand in many places of a tool, compiled once.

The automaton of an integer without bounds of its own takes half a millisecond, and the grammar
library makes one for each place, also where they are alike. What a reference names it makes once.
"""

import json
from typing import Final

from pydantic import JsonValue

from planner_node.grammar.keywords import BOUNDS
from planner_node.grammar.references import REF, Schema

_LITERALS: Final = frozenset({"enum", "const"})
_COSTLY: Final = BOUNDS | {"multipleOf", "format"}
_ALONE: Final = _COSTLY | {"type"}


class Shared:
    """Collects what several places have in common, under names of its own."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self.definitions: dict[str, JsonValue] = {}

    def of(self, tool: Schema) -> Schema:
        """Return a normalised schema with references in place of its numbers and formats.

        A schema that intersects others stays as it is: the library does not always look behind a
        reference when it has to tell what two schemas have in common.
        """
        if _intersects(tool):
            return tool
        return {word: self._within(word, value) for word, value in tool.items()}

    def _within(self, word: str, value: JsonValue) -> JsonValue:
        if word in _LITERALS:
            return value
        if isinstance(value, list):
            return [self._within("", each) for each in value]
        if not isinstance(value, dict):
            return value
        if _is_costly(value):
            return {"$ref": f"{REF}{self._name(value)}"}
        return {name: self._within(name, child) for name, child in value.items()}

    def _name(self, node: Schema) -> str:
        written = json.dumps(node, sort_keys=True)
        name = self._names.setdefault(written, f"shared{len(self._names)}")
        self.definitions[name] = node
        return name


def _is_costly(node: Schema) -> bool:
    if any(isinstance(value, dict) for value in node.values()):
        return False  # properties that are called so
    return bool(node.keys() & _COSTLY) and node.keys() <= _ALONE


def _intersects(value: JsonValue) -> bool:
    """Tell whether anything must hold beside branches; a property of such a name counts too."""
    if isinstance(value, list):
        return any(map(_intersects, value))
    if not isinstance(value, dict):
        return False
    if value.keys() & {"allOf", "oneOf"} or ("anyOf" in value and len(value) > 1):
        return True
    return any(map(_intersects, value.values()))
