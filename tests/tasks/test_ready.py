"""The waiting room serves by urgency, and lets no robot keep the others waiting."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from planner_node.errors import QueueFull
from planner_node.tasks.ready import ReadyQueue, Waiting

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def task(
    arrival: int, robot_id: str = "", *, priority: int = 50, deadline_s: int | None = None
) -> Waiting:
    deadline = None if deadline_s is None else NOON + timedelta(seconds=deadline_s)
    return Waiting(f"t{arrival}", robot_id or f"r{arrival}", priority, deadline, arrival)


def filled(*tasks: Waiting, capacity: int = 10_000, patience_takes: int = 10_000) -> ReadyQueue:
    queue = ReadyQueue(capacity, patience_takes)
    for one in tasks:
        queue.put(one)
    return queue


def taken(queue: ReadyQueue) -> list[str]:
    """Take everything that is ready now, one robot's task after the other released at once."""
    ids = []
    while (one := queue.take()) is not None:
        ids.append(one.task_id)
        queue.release(one.robot_id)
    return ids


def test_take_from_an_empty_queue_gives_nothing() -> None:
    assert ReadyQueue(1).take() is None


def test_take_follows_priority_then_deadline_then_arrival() -> None:
    queue = filled(
        task(1),
        task(2, deadline_s=60),
        task(3, deadline_s=30),
        task(4, priority=90),
        task(5),
    )
    assert taken(queue) == ["t4", "t3", "t2", "t1", "t5"]


def test_take_follows_the_same_order_within_one_robot() -> None:
    queue = filled(task(1, "r"), task(2, "r", deadline_s=9), task(3, "r", priority=51))
    assert taken(queue) == ["t3", "t2", "t1"]


def test_take_gives_a_robot_one_task_at_a_time() -> None:
    queue = filled(task(1, "r"), task(2, "r"))
    assert [queue.take(), queue.take()] == [task(1, "r"), None]
    queue.release("r")
    assert queue.take() == task(2, "r")


def test_take_alternates_between_equal_robots() -> None:
    queue = filled(*(task(n, "busy") for n in range(6)), task(10, "quiet"), task(11, "quiet"))
    assert taken(queue)[:4] == ["t0", "t10", "t1", "t11"]


def test_a_robot_with_most_of_the_tasks_delays_nobody() -> None:
    crowd = [task(n, "busy") for n in range(900)]
    others = [task(1_000 + n, f"r{n % 10}") for n in range(100)]
    order = taken(filled(*crowd, *others))
    places = sorted(order.index(one.task_id) for one in others)
    assert places[-1] <= 110


def test_a_robot_that_always_claims_urgency_is_served_only_so_often() -> None:
    queue = filled(task(1, "modest", priority=10), patience_takes=5)
    for arrival in range(2, 100):
        queue.put(task(arrival, "loud", priority=100))
    assert taken(queue).index("t1") == 5


def test_patience_is_not_lost_when_the_lane_gets_more_tasks() -> None:
    queue = filled(task(1, "modest", priority=10), patience_takes=4)
    order = []
    for arrival in range(2, 12):
        queue.put(task(arrival, "loud", priority=100))
        queue.put(task(100 + arrival, "modest", priority=1))
        one = queue.take()
        assert one is not None
        queue.release(one.robot_id)
        order.append(one.task_id)
    assert order.index("t1") == 4


def test_remove_takes_a_task_out() -> None:
    queue = filled(task(1), task(2), task(3))
    assert queue.remove("t2")
    assert "t2" not in queue
    assert taken(queue) == ["t1", "t3"]


def test_remove_of_an_unknown_task_says_so() -> None:
    assert not filled(task(1)).remove("t9")


def test_remove_while_the_robot_runs_leaves_the_rest_of_its_lane() -> None:
    queue = filled(task(1, "r"), task(2, "r"), task(3, "r"))
    queue.take()
    queue.remove("t2")
    queue.release("r")
    assert taken(queue) == ["t3"]


def test_reprioritize_moves_a_task_to_the_front() -> None:
    queue = filled(task(1), task(2), task(3))
    assert queue.reprioritize("t3", 51)
    assert taken(queue) == ["t3", "t1", "t2"]


def test_reprioritize_of_an_unknown_task_says_so() -> None:
    assert not filled().reprioritize("t9", 1)


def test_position_counts_the_more_urgent_tasks() -> None:
    queue = filled(task(1), task(2, priority=60), task(3))
    assert [queue.position(one) for one in ("t2", "t1", "t3", "t9")] == [0, 1, 2, None]


def test_place_is_behind_all_that_are_as_urgent() -> None:
    queue = filled(task(1), task(2), task(3, priority=40))
    assert queue.place("r9", 50, None) == 2


@pytest.mark.parametrize(
    "robots",
    ["abcde", "aabbcc", "aaaaab", "abbbbb", "a"],
)
@pytest.mark.parametrize("served", ["", "a", "ba", "edcba"])
def test_position_tells_in_which_order_equal_robots_take_turns(robots: str, served: str) -> None:
    queue = filled()
    for number, robot in enumerate(served):
        queue.put(task(number, robot))
        taken(queue)
    for number, robot in enumerate(robots, start=100):
        queue.put(task(number, robot))
    positions = {
        f"t{number}": queue.position(f"t{number}") for number in range(100, 100 + len(robots))
    }
    assert [positions[task_id] for task_id in taken(queue)] == [*range(len(robots))]


def test_place_is_the_position_that_the_task_then_has() -> None:
    chance = random.Random(7)
    queue = filled()
    for arrival in range(300):
        one = task(arrival, f"r{chance.randrange(9)}", priority=chance.choice([40, 50, 60]))
        place = queue.place(one.robot_id, one.priority, one.deadline)
        queue.put(one)
        assert queue.position(one.task_id) == place
        if chance.random() < 0.4 and (served := queue.take()) is not None:
            queue.release(served.robot_id)


def test_a_quiet_robot_is_told_that_it_does_not_wait_behind_a_crowd() -> None:
    queue = filled(*(task(n, "busy") for n in range(500)))
    assert queue.place("quiet", 50, None) == 1
    assert queue.place("busy", 50, None) == 500


def test_positions_forget_what_has_left() -> None:
    queue = filled(*(task(n, f"r{n % 3}", deadline_s=n % 2) for n in range(60)))
    taken(queue)
    assert [queue.place("r0", 50, None), len(queue)] == [0, 0]


def test_reserve_counts_promised_places() -> None:
    queue = filled(task(1), capacity=2)
    queue.reserve("r1", 50, None)
    with pytest.raises(QueueFull) as refusal:
        queue.reserve("r2", 50, None)
    assert refusal.value.references == {"capacity": 2, "depth": 2}


def test_unreserve_gives_the_place_back() -> None:
    queue = ReadyQueue(1)
    queue.reserve("r1", 50, None)
    queue.unreserve("r1", 50, None)
    queue.reserve("r1", 50, None)
    assert len(queue) == 0


def test_a_robot_has_a_share_of_its_own_and_leaves_the_rest_to_others() -> None:
    queue = ReadyQueue(10, robot_capacity=2)
    queue.put(task(1, "greedy"))
    queue.reserve("greedy", 50, None)
    with pytest.raises(QueueFull) as refusal:
        queue.reserve("greedy", 50, None)
    assert refusal.value.references == {"robot_id": "greedy", "robot_capacity": 2, "depth": 2}
    queue.reserve("modest", 50, None)
    queue.unreserve("greedy", 50, None)
    queue.reserve("greedy", 50, None)


def test_a_taken_task_leaves_its_robots_share() -> None:
    queue = ReadyQueue(10, robot_capacity=1)
    queue.put(task(1, "r"))
    queue.take()
    queue.reserve("r", 50, None)


def test_a_robots_own_reserved_tasks_stand_before_its_next_one() -> None:
    queue = filled(task(1, "r"), task(2, "other"))
    queue.reserve("r", 60, None)
    queue.reserve("r", 50, None)
    queue.reserve("other", 50, None)
    assert queue.depth == 5
    assert [queue.place("r", urgent, None) for urgent in (70, 60, 50, 40)] == [0, 1, 4, 4]
    assert queue.place("other", 50, None) == 3
    queue.unreserve("r", 60, None)
    assert (queue.place("r", 50, None), queue.depth) == (3, 4)


def test_put_is_never_refused() -> None:
    assert len(filled(task(1), task(2), capacity=1)) == 2


@pytest.mark.parametrize("seed", range(20))
def test_random_work_loses_no_task_and_runs_one_a_robot(seed: int) -> None:
    dice = random.Random(seed)
    queue = ReadyQueue(1_000, patience_takes=3)
    waiting: set[str] = set()
    running: dict[str, str] = {}
    for arrival in range(400):
        match dice.randrange(5):
            case 0 | 1:
                robot_id, deadline_s = f"r{dice.randrange(7)}", dice.choice([None, 5, 6])
                one = task(arrival, robot_id, priority=dice.randrange(3), deadline_s=deadline_s)
                queue.put(one)
                waiting.add(one.task_id)
            case 2:
                chosen = queue.take()
                ready = chosen is not None
                assert ready or all(one.robot_id in running for one in _rest(queue))
                if chosen is not None:
                    assert chosen.robot_id not in running
                    running[chosen.robot_id] = chosen.task_id
                    waiting.remove(chosen.task_id)
            case 3 if running:
                robot_id = dice.choice(sorted(running))
                del running[robot_id]
                queue.release(robot_id)
            case _ if waiting:
                task_id = dice.choice(sorted(waiting))
                queue.remove(task_id)
                waiting.remove(task_id)
        assert len(queue) == len(waiting)
    for robot_id in running:
        queue.release(robot_id)
    assert set(taken(queue)) == waiting


def _rest(queue: ReadyQueue) -> list[Waiting]:
    return list(queue._tasks.values())


def test_a_task_that_is_put_again_waits_once_as_it_is_given_now() -> None:
    queue = filled(task(1, "r"), task(2, "r"), task(2, "r", priority=90))
    assert len(queue) == 2
    assert taken(queue) == ["t2", "t1"]
