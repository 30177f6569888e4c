"""Counts what arrives before anyone looks at what it means."""

from collections.abc import Mapping

from pydantic import JsonValue

from planner_node.grammar.limits import SchemaLimits
from planner_node.grammar.refusal import refusal


def check_size(schema: Mapping[str, JsonValue], pointer: str, limits: SchemaLimits) -> None:
    """Raise UnsupportedSchema when a schema has too many values, levels or characters.

    Never recurses, and looks at no more values than the limit allows.
    """
    values = chars = 0
    waiting: list[tuple[object, int]] = [(schema, 0)]
    while waiting:
        value, depth = waiting.pop()
        values += 1
        chars += _chars(value)
        children = _children(value)
        if depth > limits.max_depth:
            raise refusal(pointer, "", f"nests over {limits.max_depth} levels")
        if values + len(waiting) + len(children) > limits.max_values:
            raise refusal(pointer, "", f"has over {limits.max_values} values")
        if chars > limits.max_text_chars:
            raise refusal(pointer, "", f"has over {limits.max_text_chars} characters of text")
        waiting.extend((child, depth + 1) for child in children)


def _chars(value: object) -> int:
    if isinstance(value, str):
        return len(value)
    return sum(map(len, value)) if isinstance(value, Mapping) else 0


def _children(value: object) -> tuple[object, ...]:
    if isinstance(value, Mapping):
        return tuple(value.values())
    return tuple(value) if isinstance(value, list | tuple) else ()
