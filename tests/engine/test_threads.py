"""The number of threads follows what was faster lately."""

from itertools import pairwise

import pytest

from planner_node.engine.threads import LONGEST_PAUSE_STEPS, ThreadChoice


class Machine:
    """Takes a given time for a token by number of threads."""

    def __init__(self, *seconds: float, counts: tuple[int, int] = (1, 2)) -> None:
        self.seconds = seconds
        self.applied: list[int] = []
        self.most = 8
        self.choice = ThreadChoice(counts, self.applied.append, lambda: self.most)

    def run(self, steps: int, num_tokens: int = 30) -> list[int]:
        """Return the number of threads of each step."""
        counts = []
        for _ in range(steps):
            self.choice.begin(num_tokens)
            counts.append(self.applied[-1])
            self.choice.end(num_tokens * self.seconds[self.applied[-1] - 1])
        return counts


@pytest.mark.parametrize(
    ("seconds", "faster"), [((1.0, 3.0), 1), ((1.0, 0.95), 1), ((1.0, 0.7), 2)]
)
def test_the_faster_number_is_taken(seconds: tuple[float, float], faster: int) -> None:
    counts = Machine(*seconds).run(10_000)
    assert counts.count(faster) > 9_900
    assert set(counts) == {1, 2}


@pytest.mark.parametrize(("before", "after"), [((1.0, 0.7), (1.0, 3.0)), ((1.0, 3.0), (1.0, 0.7))])
def test_a_change_of_the_machine_is_noticed(
    before: tuple[float, float], after: tuple[float, float]
) -> None:
    machine = Machine(*before)
    machine.run(5_000)
    machine.seconds = after
    machine.run(5 * LONGEST_PAUSE_STEPS)
    counts = machine.run(500)
    assert counts.count(1 + after.index(min(after))) > 450


def test_each_size_of_a_step_has_its_own_number() -> None:
    machine = Machine(1.0, 3.0)
    machine.run(500, num_tokens=1)
    machine.seconds = (1.0, 0.5)
    assert machine.run(500, num_tokens=100).count(2) > 450
    machine.seconds = (1.0, 3.0)
    assert machine.run(1, num_tokens=1) == [1]


def test_the_number_is_set_only_where_it_changes() -> None:
    machine = Machine(1.0, 3.0)
    counts = machine.run(1_000)
    changes = sum(now != before for before, now in pairwise(counts))
    assert len(machine.applied) == changes + 1


def test_where_others_work_their_threads_are_left_to_them() -> None:
    machine = Machine(1.0, 0.5)
    machine.run(500)
    machine.most = 1
    assert machine.run(500) == [1] * 500


def test_steps_beside_others_tell_nothing_of_steps_alone() -> None:
    machine = Machine(1.0, 0.95)
    machine.run(500)
    machine.most, machine.seconds = 1, (3.0, 0.95)
    machine.run(500)
    machine.most, machine.seconds = 8, (1.0, 0.95)
    assert machine.run(10) == [1] * 10


def test_a_number_that_was_set_is_kept_as_far_as_there_are_so_many() -> None:
    machine = Machine(1.0, 1.0, 1.0, 1.0, counts=(4, 4))
    assert machine.run(50) == [4] * 50
    machine.most = 2
    assert machine.run(50) == [2] * 50
