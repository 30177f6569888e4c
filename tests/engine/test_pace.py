"""What a step costs, learned from the steps that were."""

import pytest

from planner_node.engine.pace import Pace


def pace_of(fixed_s: float, token_s: float, drafted_a_row: int = 0) -> Pace:
    """Return a pace that has seen steps of 1 to 32 rows, of one token and their guesses each."""
    pace = Pace()
    for step in range(200):
        rows = 1 << step % 6
        tokens = rows * (1 + drafted_a_row)
        pace.note(tokens, rows * drafted_a_row, rows, fixed_s + token_s * tokens)
    return pace


def test_untried_is_tried() -> None:
    assert Pace().is_short((1, 1), (32, 32))


def test_steps_of_one_size_tell_nothing() -> None:
    pace = Pace()
    for _ in range(100):
        pace.note(8, 0, 8, 0.01)
    assert pace.is_short((2, 2), (8, 8))


@pytest.mark.parametrize(("few", "is_short"), [(2, True), (16, True), (28, False)])
def test_where_tokens_cost_a_few_are_short(few: int, *, is_short: bool) -> None:
    pace = pace_of(fixed_s=0.002, token_s=0.001)
    assert pace.is_short((few, few), (32, 32)) == is_short


def test_where_weights_are_read_once_no_step_is_short() -> None:
    pace = pace_of(fixed_s=0.02, token_s=0.000_01)
    assert not pace.is_short((1, 1), (32, 32))


def test_guesses_are_part_of_a_row() -> None:
    plain, guessing = pace_of(0.01, 0.001), pace_of(0.01, 0.001, drafted_a_row=7)
    assert not plain.is_short((2, 2), (8, 8))
    assert guessing.is_short((2, 2), (8, 8))


def test_a_machine_that_changes_is_learned_anew() -> None:
    pace = pace_of(fixed_s=0.02, token_s=0.0)
    assert not pace.is_short((2, 2), (32, 32))
    for step in range(400):
        tokens = 1 << step % 6
        pace.note(tokens, 0, tokens, 0.001 * tokens)
    assert pace.is_short((2, 2), (32, 32))


def test_noise_never_makes_a_step_negative() -> None:
    pace = Pace()
    for tokens, seconds in ((1, 0.5), (32, 0.01), (1, 0.4), (32, 0.02)):
        pace.note(tokens, 0, tokens, seconds)
    assert not pace.is_short((1, 1), (32, 32))
