"""An accepted task whose row cannot be read any more: it ends, loudly, and holds nothing up."""

import json
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from messages.problem import ProblemCode, problem
from messages.status import TaskState
from messages.task import ControlOp, TaskCommand, TaskControl
from planner_node.errors import RowUnreadable, WrongState
from planner_node.tasks.record import EventKind, Origin, TaskRecord
from tests.fakes.hall import ROBOT, Hall, HallMaker
from tests.fakes.journal import MemoryJournal
from tests.planner.test_on_disk import at_work, ended

TOO_LONG = json.dumps({"instruction": "go", "task_id": "t1", "labels": ["क़" * 129]})


def damaged(hall: Hall, **changes: object) -> MemoryJournal:
    """Return the hall's journal, of which the row of t1 cannot be read."""
    journal = hall.journal
    assert isinstance(journal, MemoryJournal)
    journal.records["t1"] = replace(journal.records["t1"], damage="a bit fell over", **changes)
    return journal


async def test_a_damaged_task_ends_at_the_start_and_says_why(
    idle: Hall, open_hall: HallMaker
) -> None:
    await idle.submit("t1")
    hall = await open_hall(Hall(journal=damaged(idle)))
    status = hall.said("t1", EventKind.STATUS)[-1]
    assert (status["status"], status["robot_id"]) == ("FAILED", ROBOT)
    assert status["problem"]["code"] == "INTERNAL"
    assert "a bit fell over" in status["problem"]["references"][0]["value"]
    assert (await hall.planner.task("t1")).damage is None


async def test_a_damaged_task_ends_with_the_next_version_although_its_row_knows_none(
    asking: Hall, open_hall: HallMaker
) -> None:
    journal = damaged(asking, status_version=1)
    hall = await open_hall(Hall(journal=journal, works=False))
    versions = [one["status_version"] for one in hall.said("t1", EventKind.STATUS)]
    assert versions == [1, 2, 3, 4]
    assert hall.states("t1")[-1] == "FAILED"


async def test_the_stream_of_a_damaged_task_is_closed(killed: Hall, open_hall: HallMaker) -> None:
    hall = await open_hall(Hall(journal=damaged(killed)))
    assert hall.said("t1", EventKind.SUBTASK)[-1]["type"] == "PLAN_FAILED"


async def test_a_word_about_another_nodes_damaged_task_ends_it(idle: Hall) -> None:
    await idle.submit("t1")
    journal = damaged(idle)
    hall = Hall(journal=journal)  # never started: the task is none of its own
    with pytest.raises(WrongState) as refusal:
        await hall.say("CANCEL", "t1")
    assert refusal.value.references["status"] == "FAILED"
    assert hall.states("t1") == ["QUEUED", "FAILED"]


async def test_a_damaged_task_that_has_ended_stays_as_it_is(hall: Hall) -> None:
    await hall.submit("t1")
    await hall.until("t1", "PLANNED")
    damaged(hall)
    assert (await hall.say("GET", "t1")).state is TaskState.PLANNED
    assert hall.states("t1")[-1] == "PLANNED"


class Unreadable(MemoryJournal):
    """Knows of t1 that it is there, and no more."""

    async def task(self, task_id: str) -> TaskRecord | None:
        raise RowUnreadable("nothing is certain", task_id=task_id)


async def test_a_word_about_a_task_that_cannot_be_read_is_refused_and_answered(
    open_hall: HallMaker,
) -> None:
    hall = await open_hall(Hall(journal=Unreadable()))
    with pytest.raises(RowUnreadable) as refusal:
        await hall.say("CANCEL", "t1")
    await hall.planner.refuse(refusal.value.problem, Origin(ROBOT), "t1", is_control=True)
    (notice,) = hall.said("t1", EventKind.NOTICE)
    assert (notice["status"], notice["problem"]["code"]) == ("REJECTED", "INTERNAL")


async def test_a_row_damaged_on_the_disk_ends_and_answers_whoever_asks(tmp_path: Path) -> None:
    file, command = tmp_path / "planner.db", TaskCommand(instruction="go", task_id="t1")
    async with at_work(file) as (planner, _):
        planner.hold()
        await planner.submit(command, Origin(ROBOT))
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE tasks SET command = ?", [TOO_LONG])
    connection.close()
    async with at_work(file) as (planner, journal):
        assert await ended(planner, "t1") == ["QUEUED", "FAILED"]
        await planner.control(TaskControl(op=ControlOp.GET, task_id="t1"), Origin(ROBOT))
        with pytest.raises(WrongState):
            await planner.control(TaskControl(op=ControlOp.CANCEL, task_id="t1"), Origin(ROBOT))
        assert not (await planner.submit(command, Origin(ROBOT))).is_new
        assert await journal.unfinished() == []
    async with at_work(file) as (planner, _):
        assert (await planner.task("t1")).problem == problem(
            ProblemCode.INTERNAL,
            {
                "reason": "the journal's row of this task cannot be read:"
                " /labels/0: must have at most 256 characters"
            },
        )
