"""Threads that meet inside a function, and what is heard of one that fails."""

import gc
import threading

import numpy as np
import pytest
from numba import njit

from planner_node.engine.cpu.crew import Counter, Crew
from planner_node.engine.cpu.llama_kernel import meet
from tests.fakes.waiting import until


@njit(nogil=True)
def take_turns(part: int, parts: int, arrivals: Counter, goal: int, seen: Counter) -> None:
    """Write the round to the own place, and add up what all others wrote, a thousand times."""
    for turn in range(1, 1_001):
        seen[0, part] = turn
        goal = meet(arrivals, goal, parts)
        for other in range(parts):
            seen[1, part] += seen[0, other] == turn
        goal = meet(arrivals, goal, parts)


@pytest.mark.parametrize("parts", [1, 2, 5])
def test_parts_see_what_the_others_did_before_they_met(parts: int) -> None:
    crew = Crew()
    seen = np.zeros((2, parts), np.int64)
    for _ in range(3):
        crew.run(lambda *where: take_turns(*where, seen), parts)
    assert seen[1].tolist() == [3 * 1_000 * parts] * parts


def test_a_failed_part_lets_the_others_through_and_is_heard() -> None:
    crew = Crew()

    def part(number: int, parts: int, arrivals: Counter, goal: int) -> None:
        if number == 1:
            raise MemoryError("no room")
        meet_all(arrivals, goal, parts)

    @njit(nogil=True)
    def meet_all(arrivals: Counter, goal: int, parts: int) -> None:
        meet(arrivals, goal, parts)

    with pytest.raises(MemoryError, match="no room"):
        crew.run(part, 3)
    seen = np.zeros((2, 2), np.int64)
    crew.run(lambda *where: take_turns(*where, seen), 2)
    assert seen[1].tolist() == [2_000, 2_000]


async def test_helpers_end_with_their_crew() -> None:
    before = set(threading.enumerate())
    crew = Crew()
    crew.run(lambda *where: take_turns(*where, np.zeros((2, 3), np.int64)), 3)
    helpers = set(threading.enumerate()) - before
    assert len(helpers) == 2
    del crew
    gc.collect()
    await until(lambda: not any(helper.is_alive() for helper in helpers))
