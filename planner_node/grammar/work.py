"""How long a grammar will take to compile, told from its schema before anything is compiled.

The parts were measured one by one with the vocabulary of Llama 3.1 on one processor of two that
had other work too. They are a little high where they differ: the sum holds, not each part.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from pydantic import JsonValue

from planner_node.grammar.keywords import BOUNDS, COUNTS
from planner_node.grammar.limits import SchemaLimits
from planner_node.grammar.pattern import pattern_us
from planner_node.grammar.references import Schema
from planner_node.grammar.refusal import refusal

_VALUE_US: Final = 9
_CONTAINER_US: Final = 30  # an object or a list: a few rules
_LITERAL_CONTAINER_US: Final = 65  # the same among the values of enum and const
_OPEN_US: Final = 30  # an object that takes other names too
_OPTIONAL_US: Final = 11  # a property that may be left out
_COUNT_BIT_US: Final = 26  # a count is unrolled by halves: 260 µs for 1,000 items
_NUMBER_US: Final = 30
_DIGIT_US: Final = 18  # of a bound: 0.6 ms for all that a JSON reader can hold
_STEP_US: Final = 100
_FORMAT_US: Final = 450  # uri; the others take a third
_CONST_US: Final = 20
_LENGTHS: Final = frozenset({"minLength", "maxLength"})


def check_work(document: Schema, limits: SchemaLimits) -> None:
    """Raise UnsupportedSchema when the joint schema of a request asks for too much work."""
    work_us = sum(
        _value_us(value, is_literal=is_literal) for value, is_literal in _values(document)
    )
    if work_us > limits.max_work_us:
        raise refusal(
            "",
            "",
            f"would take over {limits.max_work_us // 1_000} ms to compile: "
            "fewer different bounds, formats, patterns and counts of items take less",
        )


def _values(document: Schema) -> Iterator[tuple[JsonValue, bool]]:
    """Yield every value, and whether it stands in a list of values rather than in a schema."""
    waiting: list[tuple[JsonValue, bool]] = [(document, False)]
    while waiting:
        value, is_literal = waiting.pop()
        yield value, is_literal
        if isinstance(value, list):
            waiting.extend((child, is_literal) for child in value)
        for word, child in value.items() if isinstance(value, dict) else ():
            if word == "enum" and isinstance(child, list):
                waiting.extend((each, True) for each in child)
            else:
                waiting.append((child, is_literal or word == "const"))


def _value_us(value: JsonValue, *, is_literal: bool) -> int:
    if is_literal:
        return _VALUE_US + _LITERAL_CONTAINER_US * isinstance(value, dict | list)
    if not isinstance(value, dict):
        return _VALUE_US
    return _VALUE_US + _shape_us(value) + _number_us(value) + _text_us(value)


def _shape_us(node: Mapping[str, JsonValue]) -> int:
    kinds = node.get("type")
    named = kinds if isinstance(kinds, list) else [kinds]
    containers = sum(kind in {"object", "array"} for kind in named if isinstance(kind, str))
    counts = (node.get(word) for word in COUNTS - _LENGTHS)
    bits = max((count.bit_length() for count in counts if isinstance(count, int)), default=0)
    return (
        _CONTAINER_US * containers
        + _COUNT_BIT_US * bits
        + _CONST_US * ("const" in node)
        + _OPEN_US * (node.get("additionalProperties", False) is not False)
        + _OPTIONAL_US * max(0, _len(node.get("properties")) - _len(node.get("required")))
    )


def _len(value: JsonValue) -> int:
    return len(value) if isinstance(value, dict | list) else 0


def _number_us(node: Mapping[str, JsonValue]) -> int:
    bounds = [node[word] for word in BOUNDS & node.keys()]
    digits = sum(len(str(bound)) for bound in bounds if isinstance(bound, int | float))
    step = isinstance(node.get("multipleOf"), int | float)
    return _NUMBER_US * bool(digits) + _DIGIT_US * digits + _STEP_US * step


def _text_us(node: Mapping[str, JsonValue]) -> int:
    pattern = node.get("pattern")
    read_us = pattern_us(pattern) if isinstance(pattern, str) else 0
    return read_us + _FORMAT_US * isinstance(node.get("format"), str)
