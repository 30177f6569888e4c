"""Calls in every dress are read; everything else stays text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner_node.stream.answer import read_answer
from planner_node.stream.call import ToolCall

CALL = ToolCall("find", '{"what": "書"}', {"what": "書"})
BARE = '{"name": "find", "parameters": {"what": "書"}}'


@pytest.mark.parametrize(
    "text",
    [
        BARE,
        f"\n {BARE} \n",
        BARE.replace("parameters", "arguments"),
        f"[{BARE}]",
        f"<|python_tag|>{BARE}",
        f"```json\n{BARE}\n```",
        f"```\n{BARE}\n```",
        f"<tool_call>\n{BARE}\n</tool_call>",
        f"<tool_call>{BARE}",
        '<function=find>{"what": "書"}</function>',
        '{"type": "function", "function": {"name": "find", "arguments": {"what": "書"}}}',
        '{"type": "function", "name": "find", "parameters": {"what": "書"}}',
        '{"name": "find", "arguments": "{\\"what\\": \\"書\\"}"}',
        '{"name": "find", "parameters": {"what": "\\u66f8"}}',
    ],
)
def test_call_is_read_in_every_dress(text: str) -> None:
    assert read_answer(text, ["find"]) == CALL


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1. 找到書本。",
        "Use find: " + BARE,
        BARE[:-1],
        BARE + BARE,
        f"[{BARE}, {BARE}]",
        '{"name": "fly", "parameters": {}}',
        '{"name": "find"}',
        '{"name": "find", "parameters": [1]}',
        '{"name": "find", "parameters": "not json"}',
        '{"name": "find", "parameters": {"x": NaN}}',
        '{"name": "find", "parameters": {"x": "\\ud800"}}',
        "[" * 5000 + "]" * 5000,
        "```json\nhello\n```",
        '{"what": "書"}',
    ],
)
def test_everything_else_is_text_unchanged(text: str) -> None:
    assert read_answer(text, ["find"]) == text


@given(text=st.text(max_size=60))
def test_reader_never_raises(text: str) -> None:
    assert read_answer(text, []) == text
