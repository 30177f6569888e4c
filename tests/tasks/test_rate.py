"""One robot's share of the node's time at the door."""

import pytest

from planner_node.tasks import rate
from planner_node.tasks.rate import RateLimit


def test_a_burst_goes_through_and_then_one_task_an_interval() -> None:
    limit = RateLimit(per_minute=60, burst=3)
    assert [limit.take("r", 100.0) for _ in range(4)] == [0.0, 0.0, 0.0, 1.0]
    assert limit.take("r", 101.0) == 0.0
    assert limit.take("r", 101.5) == 0.5


def test_a_robot_that_was_quiet_has_its_burst_again() -> None:
    limit = RateLimit(per_minute=60, burst=2)
    assert [limit.take("r", 0.0) for _ in range(3)] == [0.0, 0.0, 1.0]
    assert [limit.take("r", 60.0) for _ in range(3)] == [0.0, 0.0, 1.0]


def test_a_refusal_costs_the_robot_nothing() -> None:
    limit = RateLimit(per_minute=60, burst=1)
    limit.take("r", 0.0)
    assert [limit.take("r", 0.5) for _ in range(3)] == [0.5, 0.5, 0.5]


def test_one_robot_does_not_use_up_anothers_share() -> None:
    limit = RateLimit(per_minute=1, burst=1)
    assert (limit.take("a", 0.0), limit.take("b", 0.0)) == (0.0, 0.0)


def test_robots_that_come_and_go_are_not_remembered_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rate, "_MAX_REMEMBERED_ROBOTS", 3)
    limit = RateLimit(per_minute=1, burst=1)
    for number in range(10):
        limit.take(f"r{number}", 0.0)
    assert len(limit._taken_until_s) == 3
