"""What is refused at the door, and by what name."""

import json
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, Field, JsonValue

from planner_node.errors import UnsupportedSchema
from planner_node.grammar.tool import NamedTool, Tool, ToolUse
from tests.fakes.catalog import shipped_catalog
from tests.fakes.grammar import (
    random_document,
    tiny_library,
    tiny_matcher,
    tiny_vocabulary,
    tool_with,
)


def refused(tool: Tool) -> UnsupportedSchema:
    with pytest.raises(UnsupportedSchema) as caught:
        tiny_library().matcher([tool], ToolUse.REQUIRED)
    return caught.value


def deep(levels: int) -> dict[str, JsonValue]:
    schema: dict[str, JsonValue] = {"type": "string"}
    for _ in range(levels):
        schema = {"type": "array", "items": schema}
    return schema


def in_a(schema: JsonValue) -> JsonValue:
    return {"type": "object", "properties": {"a": schema}, "additionalProperties": True}


REFUSED: dict[str, tuple[JsonValue, str]] = {
    "not": ({"not": {}}, "not"),
    "if": ({"if": {}, "then": {}}, "if"),
    "uniqueItems": ({"type": "array", "uniqueItems": True}, "uniqueItems"),
    "contains": ({"type": "array", "contains": {}}, "contains"),
    "propertyNames": ({"type": "object", "propertyNames": {}}, "propertyNames"),
    "patternProperties": ({"patternProperties": {"a": {}}}, "patternProperties"),
    "dependentRequired": ({"dependentRequired": {}}, "dependentRequired"),
    "nullable": ({"type": "string", "nullable": True}, "nullable"),
    "own options": ({"x-guidance": {"whitespace_flexible": True}}, "x-guidance"),
    "type": ({"type": "strin"}, "type"),
    "no types": ({"type": []}, "type"),
    "format": ({"type": "string", "format": "regex"}, "format"),
    "remote ref": ({"$ref": "https://example.org/x"}, "$ref"),
    "missing ref": ({"$ref": "#/$defs/none"}, "$ref"),
    "ref with siblings": ({"$ref": "#", "type": "object"}, "$ref"),
    "inner defs": ({"$defs": {}}, "$defs"),
    "empty enum": ({"enum": []}, "enum"),
    "long enum": ({"enum": list(range(513))}, "enum"),
    "NaN": ({"enum": [float("nan")]}, "enum"),
    "surrogate": ({"const": "\ud800"}, "const"),
    "long const": ({"const": "x" * 300}, "const"),
    "maxLength": ({"type": "string", "maxLength": 10**9}, "maxLength"),
    "negative": ({"type": "string", "minLength": -1}, "minLength"),
    "maxItems": ({"type": "array", "maxItems": 10**9}, "maxItems"),
    "no number": ({"type": "integer", "minimum": "1"}, "minimum"),
    "huge bound": ({"type": "integer", "maximum": 10**30}, "maximum"),
    "multipleOf": ({"type": "number", "multipleOf": 0}, "multipleOf"),
    "required": ({"type": "object", "properties": {}, "required": ["z"]}, "required"),
    "properties": ({"properties": []}, "properties"),
    "many properties": ({"properties": {f"p{i}": {} for i in range(65)}}, "properties"),
    "anyOf": ({"anyOf": []}, "anyOf"),
    "overlapping oneOf": ({"oneOf": [{"type": "string"}, {"minLength": 3}]}, "oneOf"),
    "crossed": ({"allOf": [{"anyOf": [{"const": 1}]}, {"anyOf": [{"const": 1}]}]}, "allOf"),
    "crossed lists": ({"allOf": [{"enum": ["a", "b"]}, {"enum": ["b", "c"]}]}, "allOf"),
    "crossed lists below": ({"allOf": [in_a({"enum": [1, 2]}), in_a({"enum": [2, 3]})]}, "allOf"),
    "crossed lists elsewhere": (
        {"allOf": [in_a({"enum": [1, 2]}), {"additionalProperties": {"enum": [2, 3]}}]},
        "allOf",
    ),
    "crossed steps": ({"allOf": [{"multipleOf": 3}, {"multipleOf": 5}]}, "allOf"),
    "list beside a pattern": ({"enum": ["a", "b"], "pattern": "a"}, "enum"),
    "list across a pattern": ({"allOf": [{"enum": ["a", "b"]}, {"format": "date"}]}, "allOf"),
    "choice across a pattern": (
        {"type": "string", "pattern": "a", "anyOf": [{"const": "a"}, {"const": "b"}]},
        "allOf",
    ),
    "large step": ({"type": "number", "multipleOf": 1_000_003}, "multipleOf"),
    "round step": ({"type": "integer", "multipleOf": 3_600_000.0}, "multipleOf"),
    "fine step": ({"type": "number", "multipleOf": 0.333_333_3}, "multipleOf"),
    "many patterns": (
        {"properties": {f"p{n}": {"type": "string", "pattern": "a"} for n in range(33)}},
        "pattern",
    ),
    "look-around": ({"type": "string", "pattern": "(?=a)b"}, "pattern"),
    "back-reference": ({"type": "string", "pattern": "(a)\\1"}, "pattern"),
    "word boundary": ({"type": "string", "pattern": "\\bfoo"}, "pattern"),
    "broken pattern": ({"type": "string", "pattern": "["}, "pattern"),
    "long pattern": ({"type": "string", "pattern": "a" * 513}, "pattern"),
    "deep pattern": ({"type": "string", "pattern": "(" * 9 + "a" + ")" * 9}, "pattern"),
    "large pattern": ({"type": "string", "pattern": "(a{1000}){1000}"}, "pattern"),
    "nested repeats": ({"type": "string", "pattern": "(.{0,40}x){0,40}"}, "pattern"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_kept_is_refused_by_keyword(name: str) -> None:
    schema, keyword = REFUSED[name]
    assert refused(tool_with(x=schema)).references["keyword"] == keyword


MANY_VALUES: dict[str, JsonValue] = {"enum": ["red", "green", "blue"]}


@pytest.mark.parametrize(
    "schema",
    [
        {"allOf": [in_a(MANY_VALUES), {"type": "object", "properties": {"a": {"type": "string"}}}]},
        {
            "type": "object",
            "properties": {"colour": MANY_VALUES, "day": {"type": "string", "format": "date"}},
            "anyOf": [{"required": ["colour"]}, {"required": ["day"]}],
        },
        {"allOf": [{"enum": ["only"]}, {"type": "string", "pattern": "o.*"}]},
        {"type": "number", "multipleOf": 0.01},
        {"type": "integer", "multipleOf": 3_600},
    ],
)
def test_choices_that_do_not_meet_are_kept(schema: JsonValue) -> None:
    assert tiny_library().matcher([tool_with(x=schema)], ToolUse.REQUIRED) is not None


def test_the_limits_hold_for_all_tools_of_a_request_together() -> None:
    patterns: dict[str, JsonValue] = {
        f"p{n}": {"type": "string", "pattern": "a"} for n in range(20)
    }
    one, other = Tool("one", "", {"type": "object", "properties": patterns}), tool_with(**patterns)
    assert tiny_library().matcher([one], ToolUse.REQUIRED) is not None
    with pytest.raises(UnsupportedSchema, match="pattern"):
        tiny_library().matcher([one, other], ToolUse.REQUIRED)


def test_refusal_names_the_place_as_a_json_pointer() -> None:
    branches: list[JsonValue] = [{}, {"not": {}}]
    properties: dict[str, JsonValue] = {"a/b": {"type": "array", "items": {"anyOf": branches}}}
    error = refused(tool_with(**properties))
    assert error.references["pointer"] == "/properties/a~1b/items/anyOf/1"
    assert "not" in str(error)


@pytest.mark.parametrize("schema", [False, 5, "string", None, []])
def test_what_is_no_schema_is_refused(schema: JsonValue) -> None:
    assert refused(tool_with(x=schema)).references["pointer"] == "/properties/x"


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "array", "minItems": 5, "maxItems": 2},
        {"type": "string", "minLength": 5, "maxLength": 2},
        {"type": "integer", "minimum": 5, "maximum": 2},
        {"type": "string", "format": "date", "pattern": "^x$"},
    ],
)
def test_schema_that_nothing_fits_is_refused(schema: JsonValue) -> None:
    assert "unsatisfiable" in str(refused(tool_with(x=schema))).lower()


@pytest.mark.parametrize("parameters", [{"type": "array"}, {"type": "string"}, {"anyOf": [{}]}])
def test_arguments_must_be_an_object(parameters: dict[str, JsonValue]) -> None:
    assert refused(Tool("t", "", parameters)).references["keyword"] == "type"


def test_reference_to_itself_is_refused() -> None:
    loop: dict[str, JsonValue] = {"a": {"anyOf": [{"$ref": "#/$defs/a"}, {"type": "null"}]}}
    tool = Tool("t", "", {"type": "object", "properties": {}, "$defs": loop})
    assert refused(tool).references["keyword"] == "$ref"


def test_ten_thousand_levels_are_refused_without_recursion() -> None:
    assert "levels" in str(refused(Tool("t", "", deep(10_000))))


def test_a_million_values_are_refused() -> None:
    assert "values" in str(refused(tool_with(x={"enum": list(range(1_000_000))})))


def test_long_texts_are_refused() -> None:
    assert "characters" in str(refused(tool_with(x={"description": "x" * 70_000})))


def test_endless_integer_is_refused() -> None:
    assert "JSON" in str(refused(tool_with(x={"const": 10**5000})))


def test_too_many_tools_are_refused() -> None:
    with pytest.raises(UnsupportedSchema):
        tiny_library().matcher([tool_with(x={})] * 17, ToolUse.REQUIRED)


@pytest.mark.parametrize("name", ["", "\ud800", "x" * 300])
def test_tool_needs_a_name_that_can_be_written(name: str) -> None:
    assert refused(Tool(name, "", {})).references["keyword"] == "name"


def test_choice_of_a_tool_that_is_not_offered_is_refused() -> None:
    with pytest.raises(UnsupportedSchema, match="fly"):
        tiny_library().matcher([tool_with(x={})], NamedTool("fly"))


def test_annotations_do_not_matter() -> None:
    schema: JsonValue = {"type": "boolean", "title": "x", "description": "y", "default": True}
    assert tiny_library().matcher([tool_with(x=schema)], ToolUse.REQUIRED) is not None


def test_shipped_tools_are_kept() -> None:
    assert tiny_library().matcher(tuple(shipped_catalog().tools.values()), ToolUse.AUTO) is not None


def test_tool_of_the_seed_is_kept_as_it_stands() -> None:
    text: JsonValue = {"type": "string", "description": "子任務的名稱。"}
    item: JsonValue = {"type": "object", "properties": {"task": text}, "required": ["task"]}
    tasks: JsonValue = {"type": "array", "items": item}
    schema: dict[str, JsonValue] = {
        "type": "object",
        "properties": {"tasks": tasks},
        "required": ["tasks"],
    }
    tool = Tool("decompose_task", "將任務分解為子任務。", schema)
    assert tiny_library().matcher([tool], ToolUse.REQUIRED) is not None


class Pick(BaseModel):
    """What pydantic makes of a tagged union, first half."""

    kind: Literal["pick"]
    what: str = Field(max_length=5)


class Go(BaseModel):
    """Second half."""

    kind: Literal["go"]
    where: str | None = None


class Step(BaseModel):
    """A model with most of what pydantic writes into schemas."""

    action: Annotated[Pick | Go, Field(discriminator="kind")]
    others: list[Pick | Go] = Field(default=[], max_length=2)
    count: int = Field(ge=0, lt=10)
    share: float | None = None
    pair: tuple[Literal[1], bool]
    inner: list["Step"] = Field(default=[], max_length=1)


@pytest.mark.parametrize("seed", range(8))
def test_schema_made_by_pydantic_is_kept(seed: int) -> None:
    tool = Tool("step", "", Step.model_json_schema())
    text = random_document(tiny_matcher([tool]), tiny_vocabulary(), seed)
    assert text is not None
    Step.model_validate(json.loads(text)["parameters"])


def test_good_schema_after_a_refused_one_is_kept() -> None:
    library = tiny_library()
    with pytest.raises(UnsupportedSchema):
        library.matcher([tool_with(x={"not": {}})], ToolUse.REQUIRED)
    assert library.matcher([tool_with(x={})], ToolUse.REQUIRED) is not None


def test_library_forgets_the_grammar_used_longest_ago() -> None:
    library = tiny_library()
    for size in range(1, 70):
        library.matcher([tool_with(x={"type": "string", "maxLength": size})], ToolUse.REQUIRED)
    assert len(library) == 64
