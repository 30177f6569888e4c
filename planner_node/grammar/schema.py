"""One tool's JSON Schema, checked and brought into the form that the grammar library keeps whole.

What changes on the way, each time to a narrower schema, so that every answer stays valid:
objects with ``properties`` are closed unless they say otherwise; numbers stay within what every
JSON reader can hold; annotations are dropped. What cannot be kept is refused, never ignored.
"""

import json
from collections.abc import Callable, Mapping
from typing import Final

from pydantic import JsonValue

from planner_node.grammar.crossing import refuse_crossed_choices
from planner_node.grammar.keywords import (
    ANNOTATIONS,
    BOUNDS,
    BRANCHES,
    COUNTS,
    DEFINITIONS,
    FORMATS,
    TYPES,
)
from planner_node.grammar.limits import SchemaLimits
from planner_node.grammar.pattern import check_pattern
from planner_node.grammar.references import (
    REF,
    Schema,
    definition_pointers,
    describes_object,
    refuse_empty_loops,
)
from planner_node.grammar.refusal import below, refusal
from planner_node.grammar.tagged import settle_tagged_unions

_NO_ARGUMENTS: Final[Schema] = {"type": "object", "properties": {}}
MAX_SAFE_NUMBER: Final = 2**53 - 1  # RFC 8259 §6: beyond it readers disagree about integers


def normalise(schema: Mapping[str, JsonValue], home: str, limits: SchemaLimits) -> Schema:
    """Return the schema as the grammar takes it, its references moved below ``#/$defs/{home}``.

    Raises UnsupportedSchema with the pointer and the keyword of the first thing that cannot be
    kept. Call ``check_size`` first: this walks recursively.
    """
    walk = _Walk(home, limits, definition_pointers(schema))
    normal = walk.schema(dict(schema) or dict(_NO_ARGUMENTS), "", root=True)
    if not describes_object(normal, home):
        raise refusal("", "type", 'must be "object": the arguments of a tool are an object')
    refuse_empty_loops(normal, home)
    settle_tagged_unions(normal, home)
    return normal


class _Walk:
    def __init__(self, home: str, limits: SchemaLimits, definitions: frozenset[str]) -> None:
        self._home = home
        self._limits = limits
        self._definitions = definitions
        self._rules: dict[str, Callable[[str, JsonValue, str], JsonValue]] = {
            "type": self._type,
            "enum": self._enum,
            "const": self._literal,
            "properties": self._properties,
            "required": self._required,
            "additionalProperties": self._flag_or_schema,
            "items": self._flag_or_schema,
            "prefixItems": self._branches,
            "multipleOf": self._number,
            "pattern": self._pattern,
            "format": self._format,
            "$ref": self._reference,
            **dict.fromkeys(COUNTS, self._count),
            **dict.fromkeys(BOUNDS, self._number),
            **dict.fromkeys(BRANCHES, self._branches),
            **dict.fromkeys(DEFINITIONS, self._properties),
        }

    def schema(self, node: JsonValue, pointer: str, *, root: bool = False) -> Schema:
        if node is True:
            return {}
        if not isinstance(node, Mapping):
            raise refusal(pointer, "", "must be a schema, that is an object")
        normal: Schema = {}
        for keyword, value in node.items():
            if keyword in ANNOTATIONS:
                continue
            rule = self._rules.get(keyword)
            if rule is None or (keyword in DEFINITIONS and not root):
                raise refusal(pointer, keyword, "is not supported here")
            normal[keyword] = rule(keyword, value, pointer)
        refuse_crossed_choices(normal, pointer)
        return self._closed(self._bounded(normal), pointer)

    def _type(self, keyword: str, value: JsonValue, pointer: str) -> JsonValue:
        names = value if isinstance(value, list) else [value]
        if not names or not all(isinstance(name, str) and name in TYPES for name in names):
            raise refusal(pointer, keyword, f"must be one or some of {', '.join(sorted(TYPES))}")
        return value

    def _enum(self, keyword: str, value: JsonValue, pointer: str) -> JsonValue:
        if not isinstance(value, list) or not 0 < len(value) <= self._limits.max_enum_values:
            raise refusal(pointer, keyword, f"must list 1 to {self._limits.max_enum_values} values")
        for each in value:
            self._literal(keyword, each, pointer)
        return value

    def _literal(self, keyword: str, value: JsonValue, pointer: str) -> JsonValue:
        try:
            written = json.dumps(value, ensure_ascii=False, allow_nan=False)
            written.encode()
        except ValueError as error:  # NaN, an endless integer, a lone surrogate
            raise refusal(pointer, keyword, "holds a value that JSON cannot carry") from error
        chars = len(value if isinstance(value, str) else written)  # a name counts as people count
        if chars > self._limits.max_literal_chars:
            raise refusal(
                pointer, keyword, f"holds more than {self._limits.max_literal_chars} characters"
            )
        return value

    def _properties(self, keyword: str, value: JsonValue, pointer: str) -> JsonValue:
        if not isinstance(value, Mapping):
            raise refusal(pointer, keyword, "must be an object of schemas")
        if len(value) > self._limits.max_properties:
            raise refusal(pointer, keyword, f"has over {self._limits.max_properties} entries")
        for name in value:
            self._literal(keyword, name, pointer)
        return {
            name: self.schema(child, below(pointer, keyword, name)) for name, child in value.items()
        }

    def _required(self, keyword: str, value: JsonValue, pointer: str) -> JsonValue:
        if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
            raise refusal(pointer, keyword, "must be a list of names")
        return value

    def _flag_or_schema(self, keyword: str, value: JsonValue, pointer: str) -> JsonValue:
        return value if value is False else self.schema(value, below(pointer, keyword))

    def _branches(self, keyword: str, value: JsonValue, pointer: str) -> JsonValue:
        if not isinstance(value, list) or not 0 < len(value) <= self._limits.max_choices:
            raise refusal(pointer, keyword, f"must list 1 to {self._limits.max_choices} schemas")
        return [
            self.schema(child, below(pointer, keyword, place)) for place, child in enumerate(value)
        ]

    def _count(self, keyword: str, value: JsonValue, pointer: str) -> JsonValue:
        most = self._limits.max_length if "Length" in keyword else self._limits.max_items
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
            raise refusal(pointer, keyword, f"must be a whole number from 0 to {most}")
        return value

    def _number(self, keyword: str, value: JsonValue, pointer: str) -> JsonValue:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise refusal(pointer, keyword, "must be a number")
        least = 0 if keyword == "multipleOf" else -MAX_SAFE_NUMBER - 1
        if not least < value <= MAX_SAFE_NUMBER:  # also refuses NaN
            raise refusal(pointer, keyword, f"must be above {least} and at most {MAX_SAFE_NUMBER}")
        return value

    def _pattern(self, keyword: str, value: JsonValue, pointer: str) -> JsonValue:
        if not isinstance(value, str):
            raise refusal(pointer, keyword, "must be a regular expression")
        check_pattern(value, pointer, self._limits)
        return self._literal_text(keyword, value, pointer)

    def _literal_text(self, keyword: str, value: str, pointer: str) -> str:
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise refusal(pointer, keyword, "holds a lone surrogate") from error
        return value

    def _format(self, keyword: str, value: JsonValue, pointer: str) -> JsonValue:
        if not isinstance(value, str) or value not in FORMATS:
            raise refusal(pointer, keyword, f"must be one of {', '.join(sorted(FORMATS))}")
        return value

    def _reference(self, keyword: str, value: JsonValue, pointer: str) -> JsonValue:
        if value == "#":
            return f"{REF}{self._home}"
        if not isinstance(value, str) or value not in self._definitions:
            raise refusal(pointer, keyword, 'must be "#" or point to an entry of the root\'s $defs')
        return f"{REF}{self._home}{value.removeprefix('#')}"

    def _bounded(self, node: Schema) -> Schema:
        """Keep numbers readable everywhere: without bounds a model can write digits for ever."""
        names = node.get("type")
        kinds = set(names) if isinstance(names, list) else {names}
        if kinds & {"number", "integer"} and not node.keys() & {"enum", "const"}:
            if not node.keys() & {"minimum", "exclusiveMinimum"}:
                node["minimum"] = -MAX_SAFE_NUMBER
            if not node.keys() & {"maximum", "exclusiveMaximum"}:
                node["maximum"] = MAX_SAFE_NUMBER
        return node

    def _closed(self, node: Schema, pointer: str) -> Schema:
        properties = node.get("properties")
        if not isinstance(properties, dict):
            return node
        node.setdefault("type", "object")
        node.setdefault("additionalProperties", False)
        required = node.get("required")
        unknown = set(required if isinstance(required, list) else ()) - properties.keys()
        if unknown and node["additionalProperties"] is False:
            raise refusal(pointer, "required", f"names {min(map(str, unknown))}, not a property")
        return node
