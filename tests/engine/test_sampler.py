"""From logits to ids: masks bit by bit, and draws that follow their probabilities."""

from collections import Counter

import torch

from planner_node.engine.sampler import Draw, MaskTable, choose
from tests.fakes.engine import ListedConstraint

SCORES = torch.tensor([[0.0, 3.0, 2.0, 1.0]]).log()


def drawn(temperature: float, top_p: float) -> Counter[int]:
    """Return how often each id comes over evenly spread chances."""
    return Counter(choose(SCORES, [Draw(0, temperature, top_p, n / 600)])[0] for n in range(600))


def test_greedy_takes_the_highest() -> None:
    assert choose(torch.tensor([[1.0, 3.0, 2.0], [9.0, 3.0, 2.0]]), []) == [1, 0]


def test_draws_follow_the_probabilities() -> None:
    assert drawn(1.0, 1.0) == {1: 300, 2: 200, 3: 100}


def test_top_p_cuts_the_tail() -> None:
    assert drawn(1.0, 0.8) == {1: 360, 2: 240}


def test_tiny_top_p_is_greedy() -> None:
    assert drawn(1.0, 0.001) == {1: 600}


def test_low_temperature_sharpens() -> None:
    assert drawn(0.5, 1.0)[1] > 300


def test_rows_without_a_draw_stay_greedy() -> None:
    scores = SCORES.repeat(3, 1)
    assert choose(scores, [Draw(1, 1.0, 1.0, 0.999)]) == [1, 3, 1]


def test_forbidden_ids_are_those_the_constraint_leaves_out() -> None:
    table = MaskTable(2, 70, torch.device("cpu"))
    ListedConstraint(frozenset({0, 31, 32, 69})).fill(table.rows[0])
    forbidden = table.forbidden(2)
    assert (~forbidden[0]).nonzero().flatten().tolist() == [0, 31, 32, 69]
    assert not forbidden[1].any()


def test_allowed_row_forgets_the_constraint_before_it() -> None:
    table = MaskTable(1, 70, torch.device("cpu"))
    ListedConstraint(frozenset({5})).fill(table.rows[0])
    table.allow_all(0)
    assert not table.forbidden(1).any()
