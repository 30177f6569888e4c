"""Ahead and back: a matcher that took tokens back is as if it had never seen them."""

import random

import pytest

from planner_node.grammar.free_text import FreeText
from planner_node.grammar.matcher import Matcher
from planner_node.grammar.tool import ToolUse
from tests.fakes.catalog import shipped_catalog
from tests.fakes.grammar import allowed, tiny_library, tiny_vocabulary

TOOLS = tuple(shipped_catalog().tools.values())
LANGUAGES = ["en", "zh-TW"]


def fresh(language: str, choice: ToolUse = ToolUse.REQUIRED) -> Matcher | FreeText:
    matcher = tiny_library().matcher(TOOLS, choice, language)
    assert matcher is not None
    return matcher


def replayed(token_ids: list[int], language: str, choice: ToolUse) -> Matcher | FreeText:
    """Return a fresh matcher that accepted the ids one by one."""
    matcher = fresh(language, choice)
    for token_id in token_ids:
        matcher.accept(token_id)
    return matcher


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("choice", [ToolUse.REQUIRED, ToolUse.AUTO])
@pytest.mark.parametrize("seed", range(4))
def test_rollback_equals_a_fresh_replay(language: str, choice: ToolUse, seed: int) -> None:
    """Walk at random, forwards and backwards, and compare the masks with a replay's."""
    chance = random.Random(seed)
    matcher, written = fresh(language, choice), list[int]()
    for _ in range(120):
        if written and chance.random() < 0.3:
            back = chance.randint(1, min(6, len(written)))
            matcher.rollback(back)
            del written[-back:]
            again = replayed(written, language, choice)
            assert allowed(matcher, tiny_vocabulary()) == allowed(again, tiny_vocabulary())
        elif not matcher.done:
            token_id = chance.choice(allowed(matcher, tiny_vocabulary()))
            if token_id in tiny_vocabulary().stop_tokens:
                continue
            matcher.accept(token_id)
            written += [token_id, *matcher.forced()]


@pytest.mark.parametrize("language", LANGUAGES)
def test_document_that_is_done_can_be_opened_again(language: str) -> None:
    vocabulary = tiny_vocabulary()
    text = '{"name": "decline_task", "parameters": {"reason_code": "UNSAFE", "reason": "no"}}'
    matcher = fresh(language)
    token_ids = vocabulary.tokens.tokenize_str(text)
    for token_id in token_ids:
        matcher.accept(token_id)
    assert matcher.done
    matcher.rollback(1)
    assert not matcher.done
    matcher.accept(token_ids[-1])
    assert matcher.done


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("choice", [ToolUse.REQUIRED, ToolUse.AUTO, ToolUse.NONE])
def test_legal_ids_are_those_of_the_mask(language: str, choice: ToolUse) -> None:
    """At every free place of a random walk, stop tokens and specials included."""
    if language == "en" and choice is ToolUse.NONE:
        pytest.skip("nothing is constrained")
    chance, matcher = random.Random(5), fresh(language, choice)
    for _ in range(40):
        matcher.forced()
        if matcher.done:
            return
        mask = allowed(matcher, tiny_vocabulary())
        assert [i for i in range(tiny_vocabulary().size) if matcher.legal(i)] == mask
        matcher.accept(chance.choice([i for i in mask if i not in tiny_vocabulary().stop_tokens]))
