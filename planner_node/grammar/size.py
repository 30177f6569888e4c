"""Counts what arrives before anyone looks at what it means."""

import math
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final

from pydantic import JsonValue

from planner_node.grammar.limits import SchemaLimits
from planner_node.grammar.pattern import pattern_us
from planner_node.grammar.refusal import refusal

_AUTOMATON: Final = 64  # what one costs beside its remainders


def check_size(schemas: Iterable[Mapping[str, JsonValue]], limits: SchemaLimits) -> None:
    """Raise UnsupportedSchema when the schemas of one request together ask for too much work.

    Never recurses, and looks at no more values than the limit allows.
    """
    values = chars = patterns = patterns_us = multiples = 0
    waiting: list[tuple[object, int]] = [(schema, 0) for schema in schemas]
    while waiting:
        value, depth = waiting.pop()
        values += 1
        chars += _chars(value)
        if isinstance(value, Mapping):
            pattern = value.get("pattern")
            patterns += isinstance(pattern, str)
            patterns_us += pattern_us(pattern) if isinstance(pattern, str) else 0
            multiples += _remainders(value.get("multipleOf"), limits.max_multiples)
        children = _children(value)
        if depth > limits.max_depth:
            raise refusal("", "", f"nests over {limits.max_depth} levels")
        if values + len(waiting) + len(children) > limits.max_values:
            raise refusal("", "", f"has over {limits.max_values} values")
        if chars > limits.max_text_chars:
            raise refusal("", "", f"has over {limits.max_text_chars} characters of text")
        if patterns > limits.max_patterns:
            raise refusal("", "pattern", f"stands over {limits.max_patterns} times in the tools")
        if patterns_us > limits.max_work_us:  # already here: each is read before the sum is made
            raise refusal("", "pattern", "takes too long to compile")
        if multiples > limits.max_multiples:
            raise refusal(
                "", "multipleOf", f"asks for over {limits.max_multiples} remainders in all"
            )
        waiting.extend((child, depth + 1) for child in children)


def _remainders(step: object, most: int) -> int:
    """Return how many remainders an automaton tells apart: 3600 for 3600, 125 for 12.5."""
    if isinstance(step, bool) or not isinstance(step, int | float) or not math.isfinite(step):
        return 0  # refused later by what it is
    if abs(step) > most:
        return most + 1
    _, digits, exponent = Decimal(str(step)).normalize().as_tuple()
    remainders: int = int("".join(map(str, digits))) * 10 ** max(int(exponent), 0)
    return min(_AUTOMATON + remainders, most + 1)


def _chars(value: object) -> int:
    if isinstance(value, str):
        return len(value)
    return sum(map(len, value)) if isinstance(value, Mapping) else 0


def _children(value: object) -> tuple[object, ...]:
    if isinstance(value, Mapping):
        return tuple(value.values())
    return tuple(value) if isinstance(value, list | tuple) else ()
