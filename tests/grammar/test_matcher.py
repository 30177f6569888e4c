"""What the mask lets through, and what is forced."""

import json

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from planner_node.errors import ConstraintBroken
from planner_node.grammar.tool import NamedTool, Tool, ToolUse
from planner_node.stream.subtasks import CallClosed, CallReader, SubtaskClosed
from tests.fakes.catalog import shipped_catalog
from tests.fakes.grammar import (
    DECOMPOSE,
    IN_TASK,
    allowed,
    random_document,
    tiny_library,
    tiny_matcher,
    tiny_vocabulary,
    tool_with,
    write,
)

SEED_CALL = IN_TASK + '找到書本", "description": "定位。"}]}}'


def decoded(token_ids: list[int]) -> str:
    return b"".join(tiny_vocabulary().bytes_of[i] for i in token_ids).decode()


def test_whole_call_is_accepted_and_done_at_its_last_brace() -> None:
    matcher = tiny_matcher([DECOMPOSE])
    assert write(matcher, SEED_CALL[:-1], tiny_vocabulary()) == len(SEED_CALL[:-1].encode())
    assert not matcher.done
    assert write(matcher, "}", tiny_vocabulary()) == 1
    assert matcher.done
    assert matcher.forced() == []


def test_skeleton_is_forced_up_to_the_first_free_character() -> None:
    begin = decoded(tiny_matcher([DECOMPOSE]).forced())
    assert begin.startswith('{"name": "decompose_task", "parameters": {"tasks": [{"task":')


def test_forced_ids_are_the_ones_that_masks_would_allow() -> None:
    vocabulary = tiny_vocabulary()
    forced = tiny_matcher([DECOMPOSE]).forced()
    by_hand = tiny_matcher([DECOMPOSE])
    for token_id in forced:
        assert token_id in allowed(by_hand, vocabulary)
        by_hand.accept(token_id)


@pytest.mark.parametrize(
    ("text", "accepted"),
    [
        ('{"name":"decompose_task"', '{"name":'),  # no separator without its space
        ('{ "name"', "{"),
        ('{"name": "decompose_task",  "p', '{"name": "decompose_task", '),
        ("[", ""),
        (IN_TASK + "\\u5c07", IN_TASK + "\\"),  # Chinese is never escaped
        (IN_TASK + "\\u0041", IN_TASK + "\\"),
        (IN_TASK + "\n", IN_TASK),
        (IN_TASK + '", ', IN_TASK),  # at least one character
    ],
)
def test_text_is_accepted_no_further_than_the_fixed_style_goes(text: str, accepted: str) -> None:
    matcher = tiny_matcher([DECOMPOSE])
    assert write(matcher, text, tiny_vocabulary()) <= len(accepted.encode())


def test_escaped_quote_and_line_break_are_accepted_in_strings() -> None:
    text = IN_TASK + 'the \\"red\\" book\\n'
    assert write(tiny_matcher([DECOMPOSE]), text, tiny_vocabulary()) == len(text)


def test_special_tokens_are_never_allowed_in_a_forced_call() -> None:
    vocabulary, matcher = tiny_vocabulary(), tiny_matcher([DECOMPOSE])
    specials = {i for i, text in enumerate(vocabulary.bytes_of) if not text}
    for character in IN_TASK + 'a", "description": "b':
        assert specials.isdisjoint(allowed(matcher, vocabulary))
        write(matcher, character, vocabulary)


def test_several_tools_leave_the_name_to_the_model() -> None:
    tools = tuple(shipped_catalog().tools.values())
    assert decoded(tiny_matcher(tools).forced()).strip(' "') == '{"name":'
    call = '{"name": "decline_task", "parameters": {"reason_code": "UNSAFE", "reason": "x"}}'
    matcher = tiny_matcher(tools)
    assert write(matcher, call, tiny_vocabulary()) == len(call)
    assert matcher.done


def test_arguments_of_another_tool_are_refused() -> None:
    tools = tuple(shipped_catalog().tools.values())
    call = '{"name": "decline_task", "parameters": {"tasks'
    assert write(tiny_matcher(tools), call, tiny_vocabulary()) <= call.index("tasks")


def test_named_choice_forces_that_tool() -> None:
    matcher = tiny_matcher(tuple(shipped_catalog().tools.values()), NamedTool("ask_clarification"))
    assert '"ask_clarification"' in decoded(matcher.forced())


@pytest.mark.parametrize("text", ["Hello", "1. 找到書本。2. 走到側桌。", "no {braces} first", " {"])
def test_auto_choice_takes_text_that_opens_without_a_brace(text: str) -> None:
    matcher = tiny_matcher([DECOMPOSE], ToolUse.AUTO)
    assert write(matcher, text, tiny_vocabulary()) == len(text.encode())
    assert not matcher.done
    assert tiny_vocabulary().stop_tokens <= set(allowed(matcher, tiny_vocabulary()))


def test_auto_choice_takes_one_whole_call() -> None:
    matcher = tiny_matcher([DECOMPOSE], ToolUse.AUTO)
    assert write(matcher, SEED_CALL, tiny_vocabulary()) == len(SEED_CALL.encode())
    assert matcher.done


def test_auto_choice_refuses_braces_that_open_no_call() -> None:
    assert write(tiny_matcher([DECOMPOSE], ToolUse.AUTO), "{x", tiny_vocabulary()) == 1


def test_none_choice_has_no_matcher() -> None:
    assert tiny_library().matcher([DECOMPOSE], ToolUse.NONE) is None


def test_no_tools_have_no_matcher() -> None:
    assert tiny_library().matcher([], ToolUse.REQUIRED) is None


def test_token_outside_the_mask_breaks_the_constraint() -> None:
    matcher = tiny_matcher([DECOMPOSE])
    with pytest.raises(ConstraintBroken):
        matcher.accept(min(tiny_vocabulary().stop_tokens))


def test_matchers_of_one_grammar_do_not_share_their_place() -> None:
    library = tiny_library()
    first = library.matcher([DECOMPOSE], ToolUse.REQUIRED)
    second = library.matcher([DECOMPOSE], ToolUse.REQUIRED)
    assert first is not None
    assert second is not None
    first.forced()
    assert write(second, SEED_CALL, tiny_vocabulary()) == len(SEED_CALL.encode())


def test_mask_is_written_in_full_over_stale_bits() -> None:
    matcher = tiny_matcher([DECOMPOSE])
    mask = bytearray(b"\xff" * ((tiny_vocabulary().size + 31) // 32 * 4))
    matcher.fill(memoryview(mask).cast("i"))
    assert int.from_bytes(mask, "little").bit_count() < 10


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 2**32), language=st.sampled_from([None, "zh-TW"]))
@pytest.mark.parametrize("name", ["decompose_task", "ask_clarification", "decline_task"])
def test_every_walk_of_a_shipped_tool_is_a_valid_call(
    name: str, seed: int, language: str | None
) -> None:
    tool = shipped_catalog().tools[name]
    text = random_document(tiny_matcher([tool], language=language), tiny_vocabulary(), seed)
    assert text is not None
    assert json.loads(text)["name"] == name
    jsonschema.validate(json.loads(text)["parameters"], dict(tool.parameters))
    assert isinstance(CallReader().feed(text)[-1], CallClosed)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 2**32))
def test_every_subtask_of_every_walk_has_its_two_fields(seed: int) -> None:
    text = random_document(tiny_matcher([DECOMPOSE]), tiny_vocabulary(), seed)
    subtasks = [e for e in CallReader().feed(text or "") if isinstance(e, SubtaskClosed)]
    assert subtasks
    assert all(list(subtask.fields) == ["task", "description"] for subtask in subtasks)
    assert all(isinstance(each, str) and each for s in subtasks for each in s.fields.values())


ODD_TOOLS = {
    "integer": tool_with(x={"type": "integer"}),
    "number": tool_with(x={"type": "number"}),
    "bounded": tool_with(x={"type": "integer", "minimum": -3, "exclusiveMaximum": 12}),
    "enum": tool_with(x={"enum": ["書本", 'a"b\\c', "line\nbreak", 1.5, None, {"a": [1, 2]}]}),
    "const": tool_with(x={"const": "固定"}),
    "nullable": tool_with(x={"anyOf": [{"type": "boolean"}, {"type": "null"}]}),
    "types": tool_with(x={"type": ["integer", "null"]}),
    "optional": Tool("o", "", {"type": "object", "properties": {"a": {"const": 1}, "b": {}}}),
    "pattern": tool_with(x={"type": "string", "pattern": "^[A-Z]{2}-[0-9]{3}$"}),
    "unanchored": tool_with(x={"type": "string", "pattern": "[0-9]", "maxLength": 6}),
    "length": tool_with(x={"type": "string", "minLength": 2, "maxLength": 4}),
    "items": tool_with(x={"type": "array", "items": {"const": 1}, "minItems": 2, "maxItems": 3}),
    "tuple": tool_with(x={"type": "array", "prefixItems": [{"const": 1}], "items": False}),
    "map": tool_with(x={"type": "object", "additionalProperties": {"type": "boolean"}}),
    "date": tool_with(x={"type": "string", "format": "date"}),
    "uuid": tool_with(x={"type": "string", "format": "uuid"}),
    "quoted": Tool("q", "", {"type": "object", "properties": {'鍵"\\': {"const": 1}}}),
    "empty": Tool("e", "", {}),
    "allOf": tool_with(x={"allOf": [{"type": "string"}, {"maxLength": 3}]}),
    "oneOf": tool_with(x={"oneOf": [{"const": "a"}, {"const": "b"}]}),
    "tree": Tool(
        "t",
        "",
        {
            "$ref": "#/$defs/node",
            "$defs": {
                "node": {
                    "type": "object",
                    "properties": {"next": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/node"}]}},
                    "required": ["next"],
                }
            },
        },
    ),
}  # fmt: skip
FORMATS = jsonschema.FormatChecker()


@pytest.mark.parametrize("name", ODD_TOOLS)
def test_walks_of_all_supported_keywords_are_valid(name: str) -> None:
    tool = ODD_TOOLS[name]
    texts = [random_document(tiny_matcher([tool]), tiny_vocabulary(), seed) for seed in range(12)]
    finished = [json.loads(text)["parameters"] for text in texts if text is not None]
    assert finished
    for arguments in finished:
        jsonschema.validate(
            arguments, dict(tool.parameters), format_checker=jsonschema.FormatChecker()
        )
