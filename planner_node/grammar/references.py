"""Where a schema points to itself, and whether that ends."""

from collections.abc import Iterator, Mapping
from typing import Final

from pydantic import JsonValue

from planner_node.grammar.keywords import BRANCHES, DEFINITIONS
from planner_node.grammar.refusal import refusal

Schema = dict[str, JsonValue]

REF: Final = "#/$defs/"  # in the joint document every tool's schema lives below it


def definition_pointers(schema: Mapping[str, JsonValue]) -> frozenset[str]:
    """Return what a ``$ref`` may point to, besides ``#``; names that need escaping are left out."""
    pointers = set[str]()
    for keyword in DEFINITIONS:
        entries = schema.get(keyword)
        if isinstance(entries, Mapping):
            pointers |= {f"#/{keyword}/{name}" for name in entries if not set(name) & set("~%/#")}
    return frozenset(pointers)


def describes_object(root: Schema, home: str) -> bool:
    """Tell whether every value of the root schema is a JSON object."""
    if root.get("type") == "object":
        return True
    target = table_of(root, home).get(str(root.get("$ref")), {})
    return target.get("type") == "object"


def refuse_empty_loops(root: Schema, home: str) -> None:
    """Refuse references that lead back to themselves without a value between."""
    table = table_of(root, home)
    for start in table:
        seen, waiting = set[str](), [start]
        while waiting:
            for target in _led_to(table[waiting.pop()]):
                if target == start:
                    raise refusal("", "$ref", f"{start.removeprefix(REF + home)} leads to itself")
                if target not in seen:
                    seen.add(target)
                    waiting.append(target)


def table_of(root: Schema, home: str) -> dict[str, Schema]:
    """Return every schema that a reference can name, by the name it has in the joint document."""
    table = {f"{REF}{home}": root}
    for keyword in DEFINITIONS & root.keys():
        entries = root[keyword]
        for name, entry in entries.items() if isinstance(entries, dict) else ():
            if isinstance(entry, dict):
                table[f"{REF}{home}/{keyword}/{name}"] = entry
    return table


def _led_to(node: Schema) -> Iterator[str]:
    """Yield the references that stand for the node itself, not for something inside it."""
    target = node.get("$ref")
    if isinstance(target, str):
        yield target
    for keyword in BRANCHES & node.keys():
        branches = node[keyword]
        for branch in branches if isinstance(branches, list) else ():
            if isinstance(branch, dict):
                yield from _led_to(branch)
