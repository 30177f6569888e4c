"""Every robot has exactly one node, and keeps it as far as that can be."""

from hypothesis import given
from hypothesis import strategies as st

from planner_node.mqtt.partition import owner_of, partition

ROBOTS = [f"robot-{number}" for number in range(3_000)]
COUNTS = st.integers(min_value=1, max_value=40)


@given(st.text(max_size=80), COUNTS)
def test_a_robot_belongs_to_exactly_one_node(robot_id: str, count: int) -> None:
    owners = [index for index in range(count) if partition(index, count)(robot_id)]
    assert owners == [owner_of(robot_id, count)]


@given(st.text(max_size=80), COUNTS)
def test_a_node_that_joins_only_takes_and_nothing_moves_between_the_others(
    robot_id: str, count: int
) -> None:
    assert owner_of(robot_id, count + 1) in {owner_of(robot_id, count), count}


@given(COUNTS)
def test_a_node_beyond_the_count_takes_nothing(count: int) -> None:
    waits = partition(count, count)
    assert not any(waits(robot) for robot in ROBOTS[:50])


def test_the_share_that_moves_is_about_one_in_n() -> None:
    moved = sum(owner_of(robot, 4) != owner_of(robot, 5) for robot in ROBOTS)
    assert len(ROBOTS) / 5 * 0.8 < moved < len(ROBOTS) / 5 * 1.2


def test_the_robots_are_shared_out_evenly() -> None:
    shares = [sum(owner_of(robot, 4) == index for robot in ROBOTS) for index in range(4)]
    assert min(shares) > len(ROBOTS) / 4 * 0.85


def test_the_owner_is_the_same_in_every_process_and_release() -> None:
    assert [owner_of(robot, 5) for robot in ("r1", "r2", "amr-7", "書", "")] == [0, 4, 0, 1, 1]
