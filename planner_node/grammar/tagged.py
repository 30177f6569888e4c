"""Unions with a tag: a ``oneOf`` whose branches exclude each other is an ``anyOf``.

The grammar library takes a ``oneOf`` only where it can prove that no value fits two branches, and
it does not look behind references. Here a property is looked for that every branch requires, with
constants that no two branches share: what pydantic and OpenAPI call a discriminator.
"""

import json
from collections.abc import Iterator, Mapping

from pydantic import JsonValue

from planner_node.grammar.references import Schema, table_of


def settle_tagged_unions(root: Schema, home: str) -> None:
    """Turn every tagged ``oneOf`` of a normalised schema into ``anyOf``, in place."""
    table = table_of(root, home)
    for node in _nodes(root):
        branches = node.get("oneOf")
        if "anyOf" in node or not isinstance(branches, list):
            continue
        bodies = [_body(branch, table) for branch in branches]
        if any(_tells_apart(name, bodies) for name in _required(bodies[0])):
            node["anyOf"] = node.pop("oneOf")


def _nodes(value: JsonValue) -> Iterator[Schema]:
    """Yield every object of a schema but literals; an object of properties does no harm."""
    if isinstance(value, dict):
        yield value
        children = [child for word, child in value.items() if word not in {"enum", "const"}]
    else:
        children = value if isinstance(value, list) else []
    for child in children:
        yield from _nodes(child)


def _body(branch: JsonValue, table: Mapping[str, Schema]) -> Schema:
    if not isinstance(branch, dict):
        return {}
    return table.get(str(branch["$ref"]), {}) if "$ref" in branch else branch


def _required(body: Schema) -> list[str]:
    names = body.get("required")
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def _tells_apart(name: str, bodies: list[Schema]) -> bool:
    """Tell whether ``name`` is required everywhere, of constants that no two bodies share."""
    seen = set[str]()
    for body in bodies:
        properties = body.get("properties")
        tag = properties.get(name) if isinstance(properties, dict) else None
        values = _constants(tag) if name in _required(body) else set()
        if not values or values & seen:
            return False
        seen |= values
    return True


def _constants(tag: JsonValue) -> set[str]:
    """Return the values that a property can have, as JSON; empty when it is not of constants."""
    if not isinstance(tag, dict):
        return set()
    listed = tag.get("enum")
    values = [tag["const"]] if "const" in tag else listed if isinstance(listed, list) else []
    return {json.dumps(value) for value in values if isinstance(value, str)}
