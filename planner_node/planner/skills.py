"""A command's allowed skills, written into the tool's schema so that the grammar keeps them."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace

from messages.wire import JsonValue
from planner_node.grammar.tool import Tool


def with_skills(tool: Tool, allowed_skills: Sequence[str]) -> Tool:
    """Return the tool with one of these skills in each subtask; unchanged where it lists none.

    Unlike a number of subtasks, the skills must be seen by the model, so they are shown.
    """
    if not allowed_skills:
        return tool
    parameters = _changed(tool.parameters, allowed_skills)
    if parameters is None:
        return tool
    shown = None if tool.shown is None else _changed(tool.shown, allowed_skills)
    return replace(tool, parameters=parameters, shown=shown)


def _changed(
    parameters: Mapping[str, JsonValue], skills: Sequence[str]
) -> dict[str, JsonValue] | None:
    changed = copy.deepcopy(dict(parameters))
    item = _child(_child(_child(changed, "properties"), "tasks"), "items")
    properties = _child(item, "properties")
    if item is None or properties is None:
        return None
    properties["skill"] = {"type": "string", "enum": [*dict.fromkeys(skills)]}
    required = item.get("required")
    others = required if isinstance(required, list) else []
    item["required"] = [*(name for name in others if name != "skill"), "skill"]
    return changed


def _child(schema: dict[str, JsonValue] | None, key: str) -> dict[str, JsonValue] | None:
    value = None if schema is None else schema.get(key)
    return value if isinstance(value, dict) else None
