"""Allowed skills become part of the schema, and the configured tool stays as it is."""

import copy

import pytest

from messages.task import MAX_NAME_CHARS, TaskConstraints
from messages.wire import JsonValue
from planner_node.grammar.tool import Tool, ToolUse
from planner_node.planner.skills import with_skills
from tests.fakes.catalog import shipped_catalog
from tests.fakes.grammar import tiny_library

TOOL = shipped_catalog().tool("decompose_task")


def item_of(tool: Tool) -> dict[str, JsonValue]:
    match tool.parameters:
        case {"properties": {"tasks": {"items": dict() as item}}}:
            return item
    return {}


def test_skills_are_the_values_of_a_required_field() -> None:
    item = item_of(with_skills(TOOL, ["go", "grasp", "go"]))
    properties = item["properties"]
    assert isinstance(properties, dict)
    assert properties["skill"] == {"type": "string", "enum": ["go", "grasp"]}
    assert item["required"] == ["task", "description", "skill"]


@pytest.mark.parametrize("sign", ["x", "技", '"', "\\"])
def test_every_skill_that_a_command_may_name_fits_a_grammar(sign: str) -> None:
    limits = TaskConstraints(allowed_skills=[sign * MAX_NAME_CHARS])
    tool = with_skills(TOOL, limits.allowed_skills)
    assert tiny_library().matcher([tool], ToolUse.REQUIRED) is not None


def test_the_configured_tool_is_not_touched() -> None:
    before = copy.deepcopy(TOOL)
    with_skills(TOOL, ["go"])
    assert before == TOOL


def test_without_skills_the_tool_is_itself() -> None:
    assert with_skills(TOOL, []) is TOOL


@pytest.mark.parametrize("name", ["ask_clarification", "decline_task"])
def test_a_tool_without_subtasks_is_itself(name: str) -> None:
    tool = shipped_catalog().tool(name)
    assert with_skills(tool, ["go"]) is tool


def test_what_is_shown_in_place_of_the_schema_names_the_skills_too() -> None:
    limited = Tool(TOOL.name, TOOL.description, TOOL.parameters, shown=TOOL.parameters)
    changed = with_skills(limited, ["go"])
    assert changed.shown == changed.parameters
