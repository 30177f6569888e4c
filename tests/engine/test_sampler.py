"""From logits to ids: masks bit by bit, and draws that follow their probabilities."""

import math
from collections import Counter

import pytest
import torch

from planner_node.engine.request import Request, Sampling
from planner_node.engine.sampler import Draw, MaskTable, choose
from planner_node.engine.scores import BLOCK_IDS, NOTHING, Scores, greedy
from planner_node.engine.sequence import Sequence
from tests.fakes.engine import ListedConstraint

SCORES = torch.tensor([[0.0, 3.0, 2.0, 1.0]]).log()


def drawn(temperature: float, top_p: float) -> Counter[int]:
    """Return how often each id comes over evenly spread chances."""
    return Counter(choose(SCORES, [Draw(temperature, top_p, n / 600)])[0] for n in range(600))


def test_greedy_takes_the_highest() -> None:
    assert greedy(torch.tensor([[1.0, 3.0, 2.0], [9.0, 3.0, 2.0]])) == [1, 0]


@pytest.mark.parametrize("ids", [5, BLOCK_IDS, 5_972, 40 * BLOCK_IDS])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_ranked_ids_are_the_best_of_all_in_their_order(ids: int, dtype: torch.dtype) -> None:
    scores = torch.randn(3, ids, generator=torch.Generator().manual_seed(ids)).to(dtype)
    ordered = scores.float().sort(dim=1, descending=True, stable=True).indices.tolist()
    ranked = Scores(scores, [(), (), ()]).ranked([2, 0])
    assert min(map(len, ranked)) >= min(ids, 12)
    assert ranked == [ordered[2][: len(ranked[0])], ordered[0][: len(ranked[1])]]


def test_of_equals_the_lower_id_is_ranked_first_and_none_is_missed() -> None:
    scores = torch.zeros(1, 40 * BLOCK_IDS)
    scores[0, [700, 3, 4_000]] = 2.0
    scores[0, [9, 2_000]] = 1.0
    assert Scores(scores, [()]).ranked([0]) == [[3, 700, 4_000, 9, 2_000]]


def test_bias_counts_in_the_ranking() -> None:
    assert Scores(torch.tensor([[1.0, 3.0, 2.0]]), [((0, 5.0),)]).ranked([0]) == [[0, 1, 2]]


def test_draws_follow_the_probabilities() -> None:
    assert drawn(1.0, 1.0) == {1: 300, 2: 200, 3: 100}


def test_top_p_cuts_the_tail() -> None:
    assert drawn(1.0, 0.8) == {1: 360, 2: 240}


def test_tiny_top_p_is_greedy() -> None:
    assert drawn(1.0, 0.001) == {1: 600}


def test_low_temperature_sharpens() -> None:
    assert drawn(0.5, 1.0)[1] > 300


def constrained(*allowed: int) -> Sequence:
    return Sequence(Request("a", (5,), constraint=ListedConstraint(frozenset(allowed))), 99)


def test_forbidden_ids_are_those_the_constraint_leaves_out() -> None:
    table = MaskTable(2, 70, torch.device("cpu"))
    table.fill([constrained(0, 31, 32, 69), Sequence(Request("b", (5,)), 99)])
    forbidden = table.forbidden(2)
    assert (~forbidden[0]).nonzero().flatten().tolist() == [0, 31, 32, 69]
    assert not forbidden[1].any()


def test_row_without_a_constraint_forgets_the_one_before_it() -> None:
    table = MaskTable(1, 70, torch.device("cpu"))
    table.fill([constrained(5)])
    table.fill([Sequence(Request("b", (5,)), 99)])
    assert not table.forbidden(1).any()


@pytest.mark.parametrize("scores", [[1.0, math.nan, 2.0], [-math.inf] * 3])
def test_row_without_a_finite_best_score_has_no_choice(scores: list[float]) -> None:
    assert greedy(torch.tensor([scores])) == [NOTHING]
    assert choose(torch.tensor([scores]), [Draw(1.0, 1.0, 0.5)]) == [NOTHING]


def test_temperature_too_small_to_divide_by_is_greedy() -> None:
    assert Sequence(Request("a", (5,), sampling=Sampling(temperature=1e-38)), 99).is_greedy
    assert not Sequence(Request("a", (5,), sampling=Sampling(temperature=0.01)), 99).is_greedy
