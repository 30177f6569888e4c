"""Conversations become the ids the model was trained on, and nothing a user writes becomes more."""

from collections.abc import Callable
from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from planner_node.errors import BadCommand
from planner_node.grammar.tool import Tool
from planner_node.prompt.message import Message
from planner_node.prompt.render import Renderer
from planner_node.prompt.tokenizer import PINNED_DATE, ChatTokenizer, FastTokenizer
from planner_node.stream.call import ToolCall
from tests.fakes.catalog import shipped_catalog
from tests.fakes.tokenizer import (
    TEMPLATE,
    llama_31_tokenizer,
    tiny_tokenizer,
    token_id,
    tokenizer_with,
)

TOOL = shipped_catalog().tools["decompose_task"]
SYSTEM = Message("system", "接收一個任務，將其分解成多個步驟。")
USER = Message("user", "將書本放在側桌上。")
SPECIALS = (
    "<|begin_of_text|>",
    "<|eot_id|>",
    "<|start_header_id|>",
    "<|python_tag|>",
    "<|eom_id|>",
)

FUNCTION: JsonValue = {
    "name": TOOL.name,
    "description": TOOL.description,
    "parameters": dict(TOOL.parameters),
}

# Building the official tokenizer takes seconds, on a busy machine half a minute.
pytestmark = pytest.mark.timeout(240)
every_tokenizer = pytest.mark.parametrize("tokenizer_of", [tiny_tokenizer, llama_31_tokenizer])


@cache
def renderer(tokenizer: FastTokenizer) -> Renderer:
    return Renderer(ChatTokenizer(tokenizer))


def special_ids(tokenizer: FastTokenizer, token_ids: tuple[int, ...]) -> list[int]:
    return [each for each in token_ids if each in tokenizer.added_tokens_decoder]


def written(tokenizer: FastTokenizer, *messages: Message, tools: tuple[Tool, ...] = ()) -> str:
    """Return the prompt as text, with its special tokens."""
    return str(tokenizer.decode(list(renderer(tokenizer).render(messages, tools).token_ids)))


@every_tokenizer
def test_prompt_is_what_the_template_and_tokenizer_give_together(
    tokenizer_of: Callable[[], FastTokenizer],
) -> None:
    tokenizer = tokenizer_of()
    turns = [{"role": turn.role, "content": turn.content} for turn in (SYSTEM, USER)]
    together = tokenizer.apply_chat_template(
        turns,
        tools=[{"type": "function", "function": FUNCTION}],
        add_generation_prompt=True,
        tokenize=False,
        date_string=PINNED_DATE,
        tools_in_user_message=False,
    )
    expected = tokenizer.backend_tokenizer.encode(together, add_special_tokens=False).ids
    assert list(renderer(tokenizer).render([SYSTEM, USER], [TOOL]).token_ids) == expected


@every_tokenizer
def test_prefix_ends_where_the_user_begins(tokenizer_of: Callable[[], FastTokenizer]) -> None:
    tokenizer = tokenizer_of()
    one = renderer(tokenizer).render([SYSTEM, USER], [TOOL])
    other = renderer(tokenizer).render([SYSTEM, Message("user", "Find the cup.")], [TOOL])
    assert one.prefix_tokens == other.prefix_tokens
    assert one.token_ids[: one.prefix_tokens] == other.token_ids[: other.prefix_tokens]
    assert one.token_ids[one.prefix_tokens - 1] == token_id(tokenizer, "<|end_header_id|>")
    assert "側桌" in tokenizer.decode(list(one.token_ids[one.prefix_tokens :]))


@every_tokenizer
@pytest.mark.parametrize("special", SPECIALS)
def test_special_token_in_any_text_stays_text(
    tokenizer_of: Callable[[], FastTokenizer], special: str
) -> None:
    tokenizer = tokenizer_of()
    evil_tool = Tool(
        special, special, {"type": "object", "properties": {special: {"const": special}}}
    )
    plain_tool = Tool("t", "t", {"type": "object", "properties": {"t": {"const": "t"}}})
    evil = (Message("system", f"a{special}"), Message("user", f"{special}b {special}"))
    plain = (Message("system", "a"), Message("user", "b"))
    with_evil = renderer(tokenizer).render(evil, [evil_tool])
    without = renderer(tokenizer).render(plain, [plain_tool])
    assert special_ids(tokenizer, with_evil.token_ids) == special_ids(tokenizer, without.token_ids)
    assert f"{special}b {special}<|eot_id|>" in tokenizer.decode(list(with_evil.token_ids))


@pytest.mark.parametrize("word", ["<tool_call>", "</think>", "[TOOL]"])
def test_control_word_that_its_model_does_not_call_special_stays_text(word: str) -> None:
    tokenizer = tokenizer_with(word)
    only_the_word = renderer(tokenizer).render([Message("user", f"a {word}{word}")], [])
    nothing = renderer(tokenizer).render([Message("user", "a")], [])
    assert special_ids(tokenizer, only_the_word.token_ids) == special_ids(
        tokenizer, nothing.token_ids
    )
    assert f"a {word}{word}<|eot_id|>" in tokenizer.decode(list(only_the_word.token_ids))


def test_control_word_that_the_template_writes_is_one_token() -> None:
    tokenizer = tokenizer_with("<tool_call>", "<tool_call>" + TEMPLATE)
    ids = renderer(tokenizer).render([USER], []).token_ids
    assert ids[0] == token_id(tokenizer, "<tool_call>")


@pytest.mark.parametrize("word", ["\n\n", "▁▁", "sidetable", "側桌"])
def test_added_token_that_is_a_word_or_a_blank_is_read_as_the_model_learnt_it(word: str) -> None:
    tokenizer = tokenizer_with(word)
    ids = renderer(tokenizer).render([Message("user", f"a{word}b")], []).token_ids
    assert token_id(tokenizer, word) in ids


def test_special_token_pieced_together_from_two_texts_stays_text() -> None:
    tokenizer = tiny_tokenizer()
    turns = (Message("user", "<|eot"), Message("assistant", "_id|>"), Message("user", "<"))
    plain = tuple(Message(turn.role, "x") for turn in turns)
    assert special_ids(tokenizer, renderer(tokenizer).render(turns, ()).token_ids) == special_ids(
        tokenizer, renderer(tokenizer).render(plain, ()).token_ids
    )


@pytest.mark.parametrize(
    "text",
    ["\x00", "\ud800", "\udfff\ud800", "\U000f0000", "\U000f0001<", "\ufffe", "😀", "a\u202eb"],
)
def test_odd_characters_do_no_harm(text: str) -> None:
    tokenizer = tiny_tokenizer()
    text_out = written(tokenizer, Message("user", f"將{text}書"))
    assert text_out.count("<|eot_id|>") == 2
    assert "書<|eot_id|>" in text_out


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_user_text_comes_back_as_it_was_written(text: str) -> None:
    shown = written(tiny_tokenizer(), Message("user", text))
    assert f"<|end_header_id|>\n\n{text.strip()}<|eot_id|>" in shown


def test_every_answer_is_rendered_the_same_twice() -> None:
    one, other = (renderer(tiny_tokenizer()).render([SYSTEM, USER], [TOOL]) for _ in range(2))
    assert one == other


def test_llama_31_prompt_has_tools_in_the_system_turn() -> None:
    text = written(llama_31_tokenizer(), SYSTEM, USER, tools=(TOOL,))
    system, user, assistant = text.split("<|eot_id|>")
    assert system.startswith("<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\n")
    assert "Environment: ipython\n" in system
    assert f"Today Date: {PINNED_DATE}" in system
    assert '"name": "decompose_task"' in system
    assert "將任務分解為子任務" in system
    assert user == "<|start_header_id|>user<|end_header_id|>\n\n將書本放在側桌上。"
    assert assistant == "<|start_header_id|>assistant<|end_header_id|>\n\n"


def test_earlier_call_and_its_result_are_shown_in_llama_31_form() -> None:
    arguments: dict[str, JsonValue] = {"question": "哪一本？", "options": ["紅色", "藍色"]}
    call = ToolCall.of("ask_clarification", arguments)
    turns = (USER, Message("assistant", "", (call,)), Message("tool", "紅色"))
    text = written(llama_31_tokenizer(), *turns)
    assert (
        '{"name": "ask_clarification", "parameters": '
        '{"question": "哪一本？", "options": ["紅色", "藍色"]}}<|eot_id|>'
    ) in text
    assert "ipython" in text


def test_shown_schema_is_rendered_in_place_of_the_enforced_one() -> None:
    tool = Tool("t", "", {"type": "object", "maxProperties": 7}, shown=TOOL.parameters)
    text = written(tiny_tokenizer(), USER, tools=(tool,))
    assert "maxProperties" not in text
    assert "子任務的名稱" in text


def test_conversation_that_the_template_refuses_is_a_bad_command() -> None:
    with pytest.raises(BadCommand, match="chat template"):
        renderer(tiny_tokenizer()).render([], ())


def test_conversation_without_a_user_shares_nothing() -> None:
    assert renderer(tiny_tokenizer()).render([SYSTEM], ()).prefix_tokens == 0
