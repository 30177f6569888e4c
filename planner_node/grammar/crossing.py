"""Where the choices of a schema would multiply: each combination would be compiled."""

from collections.abc import Iterator, Sequence
from enum import Enum
from typing import Final

from pydantic import JsonValue

from planner_node.grammar.keywords import BRANCHES, DEFINITIONS
from planner_node.grammar.references import Schema
from planner_node.grammar.refusal import refusal

_BRANCHING: Final = frozenset({"anyOf", "oneOf", "$ref"})
_PATTERNS: Final = frozenset({"pattern", "format"})
Place = tuple[str, ...] | None  # inside a value, as names and steps; None is anywhere


class _Mark(Enum):
    CHOICE = "several things it may be"  # branches, a list of values, a step of numbers
    PATTERN = "an automaton"


def refuse_crossed_choices(node: Schema, pointer: str) -> None:
    """Refuse an intersection of several choices: its branches multiply with each other.

    Two lists of 100 values took 1.9 s; a list of 512 beside a pattern took 0.15 s.
    """
    assertions = node.keys() - DEFINITIONS
    if "$ref" in node and len(assertions) > 1:
        raise refusal(pointer, "$ref", "must stand alone")
    if _is_list(node) and assertions & _PATTERNS:
        raise refusal(pointer, "enum", "stands beside a pattern: list the values that fit it")
    parts: list[JsonValue] = [{word: node[word] for word in assertions - BRANCHES}]
    for keyword in BRANCHES & assertions:
        branches = node[keyword]
        parts.extend(_listed(branches) if keyword == "allOf" else [{keyword: branches}])
    if len(parts) > 1 and (sum(map(_branches, parts)) > 1 or _are_crossed(parts)):
        raise refusal(pointer, "allOf", "combines several choices, which multiply")


def _branches(node: JsonValue) -> bool:
    if isinstance(node, list):
        return any(map(_branches, node))
    if not isinstance(node, dict):
        return False
    return bool(node.keys() & _BRANCHING) or any(map(_branches, node.values()))


def _are_crossed(parts: Sequence[JsonValue]) -> bool:
    """Tell whether a choice of one part meets a choice or a pattern of another in one place."""
    found: dict[Place, dict[_Mark, set[int]]] = {}
    for number, part in enumerate(parts):
        for place, mark in _marks(part, ()):
            found.setdefault(place, {one: set() for one in _Mark})[mark].add(number)
    if None in found:  # what holds for every other name meets all that is said
        total = {mark: set().union(*(marks[mark] for marks in found.values())) for mark in _Mark}
        found = {None: total}
    return any(
        len(marks[_Mark.CHOICE]) > 1
        or (marks[_Mark.CHOICE] and marks[_Mark.PATTERN] - marks[_Mark.CHOICE])
        for marks in found.values()
    )


def _marks(node: JsonValue, place: Place) -> Iterator[tuple[Place, _Mark]]:
    """Yield what a schema asks for, and where in the value."""
    if not isinstance(node, dict):
        return
    if node.keys() & _BRANCHING or _is_list(node) or "multipleOf" in node:
        yield place, _Mark.CHOICE
    if node.keys() & _PATTERNS:
        yield place, _Mark.PATTERN
    for inner, child in _children(node, place):
        yield from _marks(child, inner)


def _children(node: Schema, place: Place) -> Iterator[tuple[Place, JsonValue]]:
    """Yield the schemas inside, with the place of the values that they speak of."""
    for keyword in BRANCHES & node.keys():
        yield from ((place, branch) for branch in _listed(node[keyword]))
    properties = node.get("properties")
    if isinstance(properties, dict):
        for name, child in properties.items():
            yield None if place is None else (*place, f".{name}"), child
    for item in (*_listed(node.get("prefixItems")), node.get("items")):
        yield None if place is None else (*place, "[]"), item
    yield None, node.get("additionalProperties")


def _listed(value: JsonValue) -> Sequence[JsonValue]:
    return value if isinstance(value, list) else ()


def _is_list(node: Schema) -> bool:
    """Tell whether a schema lists more values than one."""
    return len(_listed(node.get("enum"))) > 1
