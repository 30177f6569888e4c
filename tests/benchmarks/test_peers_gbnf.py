"""The grammar that peers are given allows what the schema allows."""

import json
from typing import Any

import pytest
from llguidance import LLMatcher
from llguidance.gbnf_to_lark import gbnf_to_lark

from benchmarks.peers.gbnf import call_gbnf
from planner_node.grammar.vocabulary import Vocabulary
from tests.fakes.tokenizer import tiny_tokenizer_json

TEXT = {"type": "string", "minLength": 1, "maxLength": 4}
SKILL = {"type": "string", "enum": ["pick up", "放下"]}


def parameters(task: dict[str, Any], least: int, most: int) -> dict[str, Any]:
    item = {"type": "object", "properties": {"task": task, "description": TEXT}}
    tasks = {"type": "array", "minItems": least, "maxItems": most, "items": item}
    return {"type": "object", "properties": {"tasks": tasks}}


def accepts(grammar: str, text: str) -> bool:
    tokens = Vocabulary(tiny_tokenizer_json(), 400, [0]).tokens
    matcher = LLMatcher(tokens, LLMatcher.grammar_from_lark(grammar), log_level=0)
    return bool(matcher.consume_tokens(tokens.tokenize_str(text)) and matcher.is_accepting())


def call(*items: tuple[str, str]) -> str:
    tasks = [{"task": task, "description": description} for task, description in items]
    arguments = {"name": "plan", "parameters": {"tasks": tasks}}
    return json.dumps(arguments, ensure_ascii=False)


@pytest.mark.parametrize(
    ("items", "is_legal"),
    [
        ([("找書", 'a"b')], True),
        ([("a", "b"), ("c", "d\n"), ("e", "f")], True),
        ([], False),
        ([("a", "b")] * 4, False),
        ([("", "b")], False),
        ([("abcde", "b")], False),
    ],
)
def test_counts_and_lengths_are_kept(items: list[tuple[str, str]], *, is_legal: bool) -> None:
    lark = gbnf_to_lark(call_gbnf("plan", parameters(TEXT, 1, 3)))
    assert accepts(lark, call(*items)) is is_legal


@pytest.mark.parametrize(("task", "is_legal"), [("放下", True), ("pick up", True), ("pick", False)])
def test_names_come_from_the_list(task: str, *, is_legal: bool) -> None:
    lark = gbnf_to_lark(call_gbnf("plan", parameters(SKILL, 2, 2)))
    assert accepts(lark, call((task, "a"), (task, "b"))) is is_legal


def test_separators_are_fixed() -> None:
    lark = gbnf_to_lark(call_gbnf("plan", parameters(TEXT, 1, 1)))
    assert not accepts(lark, call(("a", "b")).replace(": ", ":"))
