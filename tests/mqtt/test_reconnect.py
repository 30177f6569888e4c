"""How long the door waits before it tries again."""

import itertools

import pytest

from planner_node.mqtt.packets import Ending, EndKind
from planner_node.mqtt.reconnect import PATIENT_REFUSALS, REFUSAL_HOLD_S, Reconnect

UNREACHABLE = Ending(EndKind.UNREACHABLE, "refused")
REFUSED = Ending(EndKind.REFUSED, "not authorized")
UNSUPPORTED = Ending(EndKind.UNSUPPORTED_VERSION, "3.1 only")
LOST = Ending(EndKind.LOST, "cut")
TAKEN_OVER = Ending(EndKind.TAKEN_OVER, "session taken over")


def always(number: float) -> Reconnect:
    return Reconnect(min_s=1, max_s=8, random=lambda: number)


def test_delay_doubles_up_to_the_limit() -> None:
    policy = always(1.0)
    delays = [policy.after(UNREACHABLE, 0)[0] for _ in range(6)]
    assert delays == pytest.approx([1, 2, 4, 8, 8, 8])


def test_delay_is_never_zero_and_is_spread() -> None:
    low, high = always(0.0).after(UNREACHABLE, 0)[0], always(0.999).after(UNREACHABLE, 0)[0]
    assert 0 < low < 0.3 < high < 1


def test_long_session_starts_again_at_the_lowest_delay() -> None:
    policy = always(1.0)
    for _ in range(5):
        policy.after(UNREACHABLE, 0)
    assert policy.after(LOST, 60)[0] == pytest.approx(1)


def test_refusals_are_tried_at_most_every_five_seconds_after_the_third() -> None:
    policy = always(0.0)
    delays = [policy.after(REFUSED, 0)[0] for _ in range(PATIENT_REFUSALS + 5)]
    assert min(delays[PATIENT_REFUSALS:]) >= REFUSAL_HOLD_S


def test_unsupported_versions_are_refusals_too() -> None:
    policy = always(0.0)
    delays = [policy.after(UNSUPPORTED, 0)[0] for _ in range(PATIENT_REFUSALS + 5)]
    assert min(delays[PATIENT_REFUSALS:]) >= REFUSAL_HOLD_S


def test_refusals_are_spread_up_to_the_limit_and_no_further() -> None:
    low, high = always(0.0), always(1.0)
    spread = [[policy.after(REFUSED, 0)[0] for _ in range(9)][-1] for policy in (low, high)]
    assert spread == pytest.approx([REFUSAL_HOLD_S + 0.6, 8])


def test_a_try_that_took_long_has_waited_already() -> None:
    policy = always(1.0)
    delays = [policy.after(UNREACHABLE, 5)[0] for _ in range(5)]
    assert delays == pytest.approx([0.2, 0.4, 0.8, 3, 3])


def test_a_broker_that_says_taken_over_is_left_alone_for_minutes() -> None:
    delay_s, is_taken_over = always(0.0).after(TAKEN_OVER, 1)
    assert is_taken_over
    assert delay_s >= 60


def test_flaps_without_a_rival_are_no_takeover() -> None:
    policy = always(1.0)
    outcomes = [policy.after(LOST, 3) for _ in range(20)]
    assert not any(taken_over for _, taken_over in outcomes)
    assert max(delay_s for delay_s, _ in outcomes) <= 8


def test_short_sessions_with_a_rival_seen_are_a_takeover_within_a_few() -> None:
    policy = always(1.0)
    policy.is_rivalled = True
    verdicts = [policy.after(LOST, 1)[1] for _ in range(3)]
    assert list(itertools.accumulate(verdicts)) == [0, 1, 1]


def test_one_cut_of_a_long_session_is_no_takeover_even_with_a_rival() -> None:
    policy = always(1.0)
    policy.is_rivalled = True
    assert policy.after(LOST, 600)[1] is False


def test_a_rival_that_was_seen_before_a_long_session_is_forgotten() -> None:
    policy = always(1.0)
    policy.is_rivalled = True
    policy.after(LOST, 600)
    assert [policy.after(LOST, 1)[1] for _ in range(3)] == [False, False, False]
