"""When the next plan is begun: those who wait to be accepted come first, and not for ever."""

import asyncio

import pytest

from planner_node.planner import crowd
from planner_node.planner.crowd import Crowd
from tests.fakes.hall import Hall, HallMaker

TURNS = 100  # of the loop; a task whose turn has come is PLANNED after some 40
LONG_S, SHORT_S = 0.1, 0.002


def crowded(moment_s: float, wait_s: float = LONG_S, usual_s: float = 0.0) -> Crowd:
    """Return a door through which ten have come just now, and behind which a plan was begun."""
    door = Crowd()
    for _ in range(10):
        door.came_in(wait_s, usual_s, moment_s)
    door.begun(moment_s)
    return door


def test_a_plan_waits_while_those_at_the_door_wait_long() -> None:
    assert crowded(5.0).patience_s(5.01) == pytest.approx(crowd.PATIENCE_S - 0.01)
    assert crowded(5.0, SHORT_S).patience_s(5.01) == 0


def test_no_plan_waits_for_a_disk_that_is_slow() -> None:
    """50 tasks a second at a disk of 5 ms: the model would be idle most of the time."""
    assert crowded(5.0, wait_s=0.006, usual_s=0.015).patience_s(5.01) == 0
    assert crowded(5.0, wait_s=0.060, usual_s=0.015).patience_s(5.01) > 0


def test_a_plan_waits_no_longer_than_it_has_patience() -> None:
    door = crowded(5.0)
    door.came_in(LONG_S, 0.0, 5.0 + crowd.PATIENCE_S)
    assert door.patience_s(5.0 + crowd.PATIENCE_S) == 0


def test_who_came_long_ago_is_no_crowd() -> None:
    door = crowded(5.0)
    door.begun(7.0)
    assert door.patience_s(7.0) == 0
    door.came_in(SHORT_S, 0.0, 7.0)  # and does not count with who comes now
    assert door.patience_s(7.0) == 0


async def begin_beside_a_crowd(open_hall: HallMaker) -> Hall:
    """Return a hall at work with two tasks, the second of them behind a crowd."""
    hall = await open_hall(Hall(works=False))
    await hall.submit("first", robot_id="r1")
    await hall.submit("second", robot_id="r2")
    now_s = asyncio.get_running_loop().time()
    for _ in range(10):
        hall.planner._desk.crowd.came_in(LONG_S, 0.0, now_s)
    hall.go_to_work()
    await hall.until("first", "PLANNED")
    return hall


async def test_the_next_plan_waits_for_the_crowd(
    open_hall: HallMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crowd, "PATIENCE_S", 3_600.0)
    monkeypatch.setattr(crowd, "_RECENT_S", 3_600.0)
    hall = await begin_beside_a_crowd(open_hall)
    for _ in range(TURNS):
        await asyncio.sleep(0)
    assert hall.states("second") == ["QUEUED"]


async def test_a_crowd_that_stays_keeps_no_plan_waiting_for_ever(
    open_hall: HallMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crowd, "_RECENT_S", 3_600.0)
    hall = await begin_beside_a_crowd(open_hall)
    await hall.until("second", "PLANNED")


@pytest.mark.parametrize(("usual_wait_s", "state"), [(0.0, "QUEUED"), (3_600.0, "PLANNED")])
async def test_the_journal_says_what_its_disk_takes(
    open_hall: HallMaker, monkeypatch: pytest.MonkeyPatch, usual_wait_s: float, state: str
) -> None:
    monkeypatch.setattr(crowd, "_LONG_S", 0.0)  # whoever comes in has waited long
    monkeypatch.setattr(crowd, "PATIENCE_S", 3_600.0)
    monkeypatch.setattr(crowd, "_RECENT_S", 3_600.0)
    hall = await open_hall(Hall(works=False))
    hall.journal.usual_wait_s = usual_wait_s
    await hall.submit("first", robot_id="r1")
    await hall.submit("second", robot_id="r2")
    hall.go_to_work()
    await hall.until("first", "PLANNED")
    for _ in range(TURNS):
        await asyncio.sleep(0)
    assert hall.states("second")[-1] == state
