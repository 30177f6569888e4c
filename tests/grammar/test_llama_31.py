"""The grammar over the official Llama 3.1 vocabulary of 128,256 tokens."""

import pytest

from planner_node.errors import ConstraintBroken
from planner_node.grammar.free_text import FreeText
from planner_node.grammar.library import GrammarLibrary
from planner_node.grammar.matcher import Matcher
from planner_node.grammar.tool import Tool, ToolUse
from tests.fakes.completion import SEED_PLAN, plan_call
from tests.fakes.grammar import (
    DECOMPOSE,
    IN_TASK,
    allowed,
    llama_31_vocabulary,
    random_document,
    tool_with,
)
from tests.fakes.tokenizer import LLAMA_31_STOPS, llama_31_tokenizer, token_id

# Building the tokenizer takes seconds, on a busy machine half a minute.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


def constraint(
    tools: tuple[Tool, ...] = (DECOMPOSE,),
    choice: ToolUse = ToolUse.REQUIRED,
    language: str | None = None,
) -> Matcher:
    matcher = GrammarLibrary(llama_31_vocabulary()).matcher(tools, choice, language)
    assert isinstance(matcher, Matcher)
    return matcher


def encoded(text: str) -> list[int]:
    return llama_31_tokenizer().backend_tokenizer.encode(text, add_special_tokens=False).ids


def test_forced_ids_are_those_the_tokenizer_would_give() -> None:
    """Step through the seed's own answer: a forced run never leaves the canonical ids."""
    ids, matcher, place, forced = encoded(plan_call(*SEED_PLAN)), constraint(), 0, 0
    while not matcher.done:
        run = matcher.forced()
        assert ids[place : place + len(run)] == run
        place, forced = place + len(run), forced + len(run)
        if not matcher.done:
            matcher.accept(ids[place])
            place += 1
    assert place == len(ids)
    assert forced > 0.35 * len(ids)


def test_first_forced_run_reaches_the_first_free_text() -> None:
    run = constraint().forced()
    assert (
        run == encoded('{"name": "decompose_task", "parameters": {"tasks": [{"task": "')[: len(run)]
    )
    assert len(run) >= 14


def test_no_special_token_is_ever_allowed_in_a_call() -> None:
    matcher = constraint()
    for each in encoded(plan_call(*SEED_PLAN)):
        assert max(allowed(matcher, llama_31_vocabulary())) < 128_000
        matcher.accept(each)


@pytest.mark.parametrize("special", ["<|python_tag|>", "<|start_header_id|>", "<|begin_of_text|>"])
def test_special_token_is_not_allowed_in_text_beside_tools(special: str) -> None:
    matcher = constraint(choice=ToolUse.AUTO)
    matcher.accept(encoded("Hello")[0])
    free = set(allowed(matcher, llama_31_vocabulary()))
    assert token_id(llama_31_tokenizer(), special) not in free
    assert set(LLAMA_31_STOPS) <= free


def test_simplified_token_is_masked_in_traditional() -> None:
    *begin, traditional = encoded(IN_TASK + "書")
    [simplified] = encoded("书")
    matcher = constraint(language="zh-TW")
    for each in begin:
        matcher.accept(each)
    free = set(allowed(matcher, llama_31_vocabulary()))
    assert traditional in free
    assert simplified not in free


def test_free_text_in_traditional_ends_by_any_stop_token() -> None:
    text = GrammarLibrary(llama_31_vocabulary()).matcher((), ToolUse.NONE, "zh-TW")
    assert isinstance(text, FreeText)
    free = set(allowed(text, llama_31_vocabulary()))
    assert {each for each in free if each >= 128_000} == set(LLAMA_31_STOPS)


def test_pattern_that_explodes_while_writing_breaks_its_own_request() -> None:
    pattern = ".*(a|b).{100}(c|d).*e{0,100}"
    matcher = constraint((tool_with(x={"type": "string", "pattern": pattern}),))
    with pytest.raises(ConstraintBroken):
        random_document(matcher, llama_31_vocabulary(), seed=0)
