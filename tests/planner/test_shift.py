"""When the next plan is begun: those who wait to be accepted come first, and not for ever."""

import asyncio
from collections.abc import Sequence

import pytest

from planner_node.journal.store import Admission
from planner_node.planner import shift
from planner_node.tasks.record import Event, TaskRecord
from tests.fakes.hall import Hall, HallMaker
from tests.fakes.journal import MemoryJournal
from tests.fakes.waiting import until

TURNS = 100  # of the loop; a task whose turn has come is PLANNED after some 40


class SlowDoor(MemoryJournal):
    """Takes nobody in while ``is_open`` is not set."""

    def __init__(self) -> None:
        super().__init__()
        self.is_open = asyncio.Event()
        self.waiting = 0

    async def admit(self, record: TaskRecord, events: Sequence[Event]) -> Admission:
        self.waiting += 1
        await self.is_open.wait()
        return await super().admit(record, events)


async def crowded(open_hall: HallMaker) -> tuple[Hall, SlowDoor, list[asyncio.Task[object]]]:
    """Return a hall with an accepted task and, at its door, as many as make a crowd."""
    door = SlowDoor()
    hall = await open_hall(Hall(journal=door, works=False))
    door.is_open.set()
    await hall.submit("accepted")
    door.is_open.clear()
    door.waiting = 0
    crowd: list[asyncio.Task[object]] = [
        asyncio.create_task(hall.submit(f"t{number}", robot_id=f"r{number}"))
        for number in range(shift._CROWD)
    ]
    await until(lambda: door.waiting == len(crowd))
    return hall, door, crowd


async def test_no_plan_is_begun_while_there_is_a_crowd_at_the_door(
    open_hall: HallMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shift, "_CROWD_PATIENCE_S", 3_600.0)
    hall, door, crowd = await crowded(open_hall)
    hall.go_to_work()
    for _ in range(TURNS):
        await asyncio.sleep(0)
    assert hall.states("accepted") == ["QUEUED"]
    door.is_open.set()
    await asyncio.gather(*crowd)
    for number in range(len(crowd)):
        await hall.until(f"t{number}", "PLANNED")
    assert hall.states("accepted")[-1] == "PLANNED"


async def test_a_crowd_that_stays_keeps_no_plan_waiting_for_ever(open_hall: HallMaker) -> None:
    hall, door, crowd = await crowded(open_hall)
    hall.go_to_work()
    await hall.until("accepted", "PLANNED")
    assert not any(one.done() for one in crowd)
    door.is_open.set()
    await asyncio.gather(*crowd)
