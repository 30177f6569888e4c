"""A bias leans one choice, the one between its ids, and nothing that is written after it."""

from dataclasses import replace

import pytest

from planner_node.engine.request import Request, Sampling
from tests.engine.conftest import LIMITS, MakeEngine
from tests.fakes.engine import ListedConstraint, prompt_of, run_together, tokens_of

PROMPT = prompt_of(1, 9)
FAR = 1000.0  # more than any difference of scores


def test_bias_decides_the_choice_and_is_gone(make_engine: MakeEngine) -> None:
    after = Request("after", (*PROMPT, 7), max_new_tokens=20)
    wanted = (7, *run_together(make_engine(), [after])["after"].token_ids)
    leaning = Request("a", PROMPT, max_new_tokens=21, biases=((7, FAR), (8, 0.0)))
    assert run_together(make_engine(), [leaning])["a"].token_ids == wanted


def test_choice_of_another_of_its_ids_ends_the_bias(make_engine: MakeEngine) -> None:
    def written(*biases: tuple[int, float]) -> tuple[int, ...]:
        shape = ListedConstraint(frozenset({20}), *[frozenset({21, 22})] * 9)
        leaning = Request("a", PROMPT, constraint=shape, biases=biases)
        return run_together(make_engine(), [leaning])["a"].token_ids

    free = written()
    other = 43 - free[1]  # of 21 and 22 the one that is not chosen
    assert written((20, 0.0), (other, FAR)) == free


@pytest.mark.parametrize("wanted", [30, 31])
def test_bias_lasts_until_the_choice(make_engine: MakeEngine, wanted: int) -> None:
    shape = ListedConstraint(frozenset({20, 21}), frozenset({30, 31}))
    leaning = Request("a", PROMPT, constraint=shape, biases=((wanted, FAR),))
    assert run_together(make_engine(), [leaning])["a"].token_ids[1] == wanted


def test_drafts_change_nothing_of_it(make_engine: MakeEngine) -> None:
    drafting, plain = make_engine(), make_engine(replace(LIMITS, draft_tokens=0))
    first = run_together(plain, [Request("first", PROMPT, max_new_tokens=40)])["first"].token_ids
    biases = ((first[3], 0.0), (9, 4.0), (first[20], -FAR))
    for name in ("first", "second", "third"):
        requests = [
            Request(f"{name}-{n}", PROMPT, 4, 40, biases=biases[n:]) for n in range(len(biases))
        ]
        outcomes = run_together(drafting, requests)
        assert tokens_of(outcomes) == tokens_of(run_together(plain, requests))
    assert drafting.stats().accepted_tokens > 0


def test_drawn_rows_are_leant_as_well(make_engine: MakeEngine) -> None:
    drawn = Request("a", PROMPT, max_new_tokens=9, sampling=Sampling(1.0), biases=((7, FAR),))
    assert run_together(make_engine(), [drawn])["a"].token_ids.count(7) == 1
