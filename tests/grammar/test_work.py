"""Many small parts of a schema: shared where they are alike, refused where the sum is too much."""

import random

import pytest
from llguidance import LLMatcher
from pydantic import JsonValue

from benchmarks import hostile_sums
from planner_node.errors import UnsupportedSchema
from planner_node.grammar import library as libraries
from planner_node.grammar.document import STYLE, call_grammar, call_schema, styled
from planner_node.grammar.limits import SchemaLimits
from planner_node.grammar.matcher import Matcher
from planner_node.grammar.tool import Tool, ToolUse
from tests.fakes.grammar import allowed, tiny_library, tiny_vocabulary, tool_with
from tests.grammar.test_matcher import ODD_TOOLS

TOO_MUCH = [
    "100 bounded integers",
    "200 bounded integers",
    "8 × 64 integers",
    "12 × 60 numbers",
    "32 patterns and 8 × 64 integers",
    "100 × integer, crossed",
    "200 × uri, crossed",
    "32 patterns of words",
    "400 lists with counts",
    "400 maps with counts",
    "200 nested values",
]
SUMS = dict(hostile_sums.cases())


def many(number: int, schema: JsonValue) -> JsonValue:
    return hostile_sums.grouped({f"p{n}": schema for n in range(number)})


def why_refused(schema: JsonValue) -> str:
    with pytest.raises(UnsupportedSchema) as caught:
        tiny_library().matcher([tool_with(x=schema)], ToolUse.REQUIRED)
    return str(caught.value)


@pytest.mark.parametrize("name", TOO_MUCH)
def test_small_parts_are_refused_by_their_sum(name: str) -> None:
    assert "to compile" in why_refused(SUMS[name])


def test_wide_sets_without_regard_to_case_are_refused_by_their_number() -> None:
    sets = "".join(f"[\\x{{{n}}}-\\x{{1ffff}}]" for n in range(80, 90))
    assert "to compile" in why_refused({"type": "string", "pattern": f"(?i){sets}"})


def test_what_the_sum_has_not_told_ends_with_the_fuel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("planner_node.grammar.document.check_work", lambda *_: None)
    assert "too long to compile" in why_refused(SUMS["200 bounded integers"])


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "integer"},
        {"type": "number"},
        {"type": ["integer", "null"]},
        {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "null"}]},
        {"type": "array", "items": {"type": "number", "minimum": -180.5, "maximum": 180.5}},
        {"type": "string", "format": "date-time"},
    ],
)
def test_hundreds_of_numbers_that_are_alike_are_kept(schema: JsonValue) -> None:
    tool = tool_with(x=many(240, schema))
    assert tiny_library().matcher([tool], ToolUse.REQUIRED) is not None


LOOK_ALIKES = {
    "names of properties": tool_with(
        x={
            "type": "object",
            "properties": {"type": {"type": "integer"}, "minimum": {"type": "number"}},
            "required": ["type", "minimum"],
        }
    ),
    "a value": tool_with(x={"enum": [{"type": "integer", "minimum": 3}]}),
    "a property called enum": tool_with(enum={"type": "integer", "minimum": 3, "maximum": 40}),
    "a definition": Tool(
        "d",
        "",
        {
            "type": "object",
            "properties": {"a": {"$ref": "#/$defs/n"}, "b": {"$ref": "#/$defs/n"}},
            "required": ["a", "b"],
            "$defs": {"n": {"type": "integer", "maximum": 7}},
        },
    ),
    "what meets": tool_with(
        x={"allOf": [{"type": "integer", "minimum": 3}, {"type": "integer", "maximum": 12}]}
    ),
    "what meets below": tool_with(
        x={
            "type": "object",
            "properties": {"a": {"type": "integer", "minimum": 3}, "b": {"type": "null"}},
            "anyOf": [{"required": ["a"]}, {"required": ["b"]}],
        }
    ),
}


@pytest.mark.parametrize(
    "tool", [pytest.param(t, id=n) for n, t in (ODD_TOOLS | LOOK_ALIKES).items()]
)
def test_what_is_shared_allows_the_same(tool: Tool) -> None:
    limits, vocabulary, chance = SchemaLimits(), tiny_vocabulary(), random.Random(0)
    alone = str(LLMatcher.grammar_from_json_schema(styled(call_schema([tool], limits), STYLE)))
    grammars = (alone, call_grammar([tool], limits, or_text=False))
    one, other = (Matcher(LLMatcher(vocabulary.tokens, each), forcing=True) for each in grammars)
    for _ in range(200):
        assert one.forced() == other.forced()
        if one.done or other.done:
            break
        choices = allowed(one, vocabulary)
        assert choices == allowed(other, vocabulary)
        token_id = chance.choice(choices)
        one.accept(token_id)
        other.accept(token_id)
    assert one.done == other.done


def test_a_refusal_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    library, tool = tiny_library(), tool_with(x={"type": "integer", "minimum": 5, "maximum": 2})
    with pytest.raises(UnsupportedSchema) as first:
        library.matcher([tool], ToolUse.REQUIRED)
    monkeypatch.setattr(libraries, "call_grammar", lambda *_, **__: pytest.fail("compiled again"))
    with pytest.raises(UnsupportedSchema) as second:
        library.matcher([tool], ToolUse.REQUIRED)
    assert second.value.problem == first.value.problem


def test_refusals_push_no_grammar_out() -> None:
    library, good = tiny_library(), tool_with(x={"type": "boolean"})
    library.matcher([good], ToolUse.REQUIRED)
    for step in range(70):
        with pytest.raises(UnsupportedSchema):
            library.matcher([tool_with(x={"not": {"const": step}})], ToolUse.REQUIRED)
    assert len(library) == 1
