"""What is taken in, what is refused, and what is only said again."""

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from messages.problem import ProblemCode
from messages.task import Mode, RobotCandidate, TaskCommand
from planner_node.errors import (
    BadCommand,
    CommandRejected,
    DeadlineAlreadyPassed,
    DuplicateConflict,
    JournalLost,
    NotEnabled,
    QueueFull,
    RateLimited,
    UnknownTool,
)
from planner_node.journal.store import Journal
from planner_node.settings import QueueSettings
from planner_node.tasks.record import EventKind, Origin, Reply, StoredEvent
from tests.fakes.clock import START, ManualClock
from tests.fakes.completion import ScriptedCompleter
from tests.fakes.hall import Hall, HallMaker
from tests.fakes.journal import open_journal


@pytest.fixture
async def idle(open_hall: HallMaker) -> Hall:
    """A hall that takes tasks in and plans none; its clock stands still."""
    return await open_hall(Hall(works=False, clock=ManualClock()))


def copies(hall: Hall, task_id: str) -> list[StoredEvent]:
    return [one for one in hall.log(task_id) if one.replay_of is not None]


async def test_submit_makes_an_id_where_none_is_given(idle: Hall) -> None:
    one, two = await idle.submit(), await idle.submit()
    assert one.is_new
    assert one.record.task_id != two.record.task_id
    assert idle.said(one.record.task_id)[0]["task_id"] == one.record.task_id


async def test_submit_tells_the_place_in_the_queue(idle: Hall) -> None:
    await idle.submit("t1")
    await idle.submit("t2")
    await idle.submit("t3", priority=90)
    places = [idle.said(task_id)[0]["queue"] for task_id in ("t1", "t2", "t3")]
    assert places == [
        {"position": 0, "depth": 1},
        {"position": 1, "depth": 2},
        {"position": 0, "depth": 3},
    ]


async def test_a_burst_is_told_the_places_that_its_tasks_then_have(
    open_hall: HallMaker, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path}/planner.db"
    async with open_journal(Journal(url, outbox=True, commit_wait_ms=20)) as journal:
        hall = await open_hall(Hall(works=False, journal=journal))  # type: ignore[arg-type]  # as good
        names = [f"t{number}" for number in range(8)]
        await asyncio.gather(*(hall.submit(name) for name in names))
        first = [(await journal.events(name))[0].event.payload for name in names]
    assert [json.loads(payload)["queue"] for payload in first] == [
        {"position": number, "depth": number + 1} for number in range(8)
    ]


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"mode": Mode.PLAN_AND_TRACK}, NotEnabled),
        ({"robots": [RobotCandidate(robot_id="r2")]}, NotEnabled),
        ({"tool": "no_such_tool"}, UnknownTool),
        ({"deadline": START - timedelta(milliseconds=1)}, DeadlineAlreadyPassed),
        ({"generation": {"max_new_tokens": 100_000}}, BadCommand),
    ],
)
async def test_submit_of_what_cannot_be_kept_is_refused(
    idle: Hall, fields: dict[str, Any], error: type[CommandRejected]
) -> None:
    with pytest.raises(error):
        await idle.submit("t1", **fields)
    assert idle.journal.records == {}
    assert idle.planner.load.queue_depth == 0


async def test_submit_for_another_robot_than_the_topics_is_refused(idle: Hall) -> None:
    command = TaskCommand(instruction="go", robot_id="r2")
    with pytest.raises(BadCommand) as refusal:
        await idle.planner.submit(command, Origin("r1"))
    assert refusal.value.problem.code is ProblemCode.IDENTITY_MISMATCH


async def test_submit_without_any_robot_is_refused(idle: Hall) -> None:
    with pytest.raises(BadCommand) as refusal:
        await idle.planner.submit(TaskCommand(instruction="go"), Origin())
    assert refusal.value.problem.code is ProblemCode.SCHEMA_INVALID


async def test_submit_takes_the_robot_from_the_payload_where_no_topic_names_one(
    idle: Hall,
) -> None:
    command = TaskCommand(instruction="go", robot_id="r2")
    submission = await idle.planner.submit(command, Origin())
    assert submission.record.robot_id == "r2"


async def test_submit_above_the_capacity_is_refused_with_a_time_to_come_back(
    open_hall: HallMaker,
) -> None:
    hall = await open_hall(Hall(works=False, queue=QueueSettings(capacity=2)))
    await hall.submit("t1")
    await hall.submit("t2")
    with pytest.raises(QueueFull) as refusal:
        await hall.submit("t3")
    assert {"depth": 2, "capacity": 2}.items() <= refusal.value.references.items()
    assert int(str(refusal.value.references["retry_after_s"])) >= 1


async def test_a_robot_fills_its_own_share_of_the_queue_and_no_other_ones(
    open_hall: HallMaker,
) -> None:
    hall = await open_hall(Hall(works=False, queue=QueueSettings(capacity=9, robot_capacity=2)))
    await hall.submit("t1")
    await hall.submit("t2")
    with pytest.raises(QueueFull) as refusal:
        await hall.submit("t3")
    told = refusal.value.references
    assert {"robot_id": "robot-1", "robot_capacity": 2, "retry_after_s": 2}.items() <= told.items()
    assert "queue.robot_capacity" in str(told["reason"])
    (chinese,) = refusal.value.problem.translations
    assert "此機器人" in chinese.references[0].value
    assert (await hall.submit("t4", robot_id="another")).is_new


async def test_a_robot_above_its_rate_is_refused_with_a_time_to_come_back(
    open_hall: HallMaker,
) -> None:
    clock, limits = ManualClock(), QueueSettings(robot_tasks_per_minute=6, robot_burst=2)
    hall = await open_hall(Hall(works=False, queue=limits, clock=clock))
    await hall.submit("t1")
    await hall.submit("t2")
    with pytest.raises(RateLimited) as refusal:
        await hall.submit("t3")
    assert refusal.value.references["retry_after_s"] == 10
    assert not (await hall.submit("t1")).is_new
    assert (await hall.submit("t4", robot_id="another")).is_new
    clock.advance(10)
    assert (await hall.submit("t3")).is_new


async def test_a_crowd_at_once_does_not_pass_the_capacity(open_hall: HallMaker) -> None:
    hall = await open_hall(Hall(works=False, queue=QueueSettings(capacity=5)))
    outcomes = await asyncio.gather(
        *(hall.submit(f"t{n}") for n in range(20)), return_exceptions=True
    )
    assert sum(isinstance(one, QueueFull) for one in outcomes) == 15
    assert hall.planner.load.queue_depth == 5


async def test_a_refused_task_leaves_room_and_its_id_free(open_hall: HallMaker) -> None:
    hall = await open_hall(Hall(works=False, queue=QueueSettings(capacity=1)))
    hall.journal.refuses = "disk full"
    with pytest.raises(JournalLost):
        await hall.submit("t1")
    hall.journal.refuses = ""
    assert (await hall.submit("t1")).is_new


async def test_the_same_command_of_an_unfinished_task_gets_its_status_again(idle: Hall) -> None:
    await idle.submit("t1")
    again = await idle.submit("t1")
    original, copy = idle.log("t1")
    assert not again.is_new
    assert copy.event.payload == original.event.payload
    assert idle.planner.load.queue_depth == 1


async def test_the_same_command_of_a_planned_task_gets_everything_again(
    open_hall: HallMaker,
) -> None:
    completer = ScriptedCompleter()
    hall = await open_hall(Hall(completer))
    await hall.submit("t1")
    await hall.until("t1", "PLANNED")
    await hall.submit("t1")
    told = [one for one in hall.log("t1") if one.replay_of is None]
    expected = [told[-1], *(one for one in told if one.event.kind is not EventKind.STATUS)]
    assert {one.event.payload for one in copies(hall, "t1")} == {
        one.event.payload for one in expected
    }
    assert len(copies(hall, "t1")) == len(expected)
    assert len(completer.requests) == 1


async def test_the_same_command_at_another_time_is_the_same(idle: Hall) -> None:
    await idle.submit("t1", timestamp=START)
    assert not (await idle.submit("t1", timestamp=START + timedelta(minutes=1))).is_new


async def test_the_same_command_is_answered_where_it_asks_this_time(idle: Hall) -> None:
    await idle.submit("t1")
    command = TaskCommand(instruction="將書本放在側桌上。", task_id="t1")
    await idle.planner.submit(command, Origin("robot-1", reply=Reply("replies/second")))
    assert [one.event.reply for one in copies(idle, "t1")] == [Reply("replies/second")]


async def test_the_same_command_is_answered_when_the_queue_is_full(open_hall: HallMaker) -> None:
    hall = await open_hall(Hall(works=False, queue=QueueSettings(capacity=1)))
    await hall.submit("t1")
    assert not (await hall.submit("t1")).is_new


async def test_the_same_command_is_answered_after_its_deadline(open_hall: HallMaker) -> None:
    clock = ManualClock()
    hall = await open_hall(Hall(works=False, clock=clock))
    deadline = START + timedelta(seconds=5)
    await hall.submit("t1", deadline=deadline)
    clock.advance(60)
    assert not (await hall.submit("t1", deadline=deadline)).is_new


async def test_the_same_command_is_the_same_after_an_upgrade_that_hashes_it_anew(
    idle: Hall, open_hall: HallMaker
) -> None:
    await idle.submit("t1", context={})
    journalled = idle.journal.records["t1"]
    idle.journal.records["t1"] = replace(journalled, content_hash="of an earlier version")
    upgraded = await open_hall(Hall(works=False, journal=idle.journal))
    assert not (await upgraded.submit("t1", context={})).is_new
    with pytest.raises(DuplicateConflict):
        await upgraded.submit("t1", context={"notes": "the shelf is high"})


@pytest.mark.parametrize("change", [{"instruction": "something else"}, {"priority": 1}])
async def test_the_same_id_with_other_content_is_a_conflict(
    idle: Hall, change: dict[str, Any]
) -> None:
    await idle.submit("t1")
    with pytest.raises(DuplicateConflict) as refusal:
        await idle.submit("t1", **change)
    assert refusal.value.references == {"task_id": "t1", "status": "QUEUED"}


async def test_the_same_id_from_another_robot_is_a_conflict(idle: Hall) -> None:
    await idle.submit("t1", robot_id="r1")
    with pytest.raises(DuplicateConflict):
        await idle.submit("t1", robot_id="r2")


async def test_many_equal_commands_at_once_make_one_task(hall: Hall) -> None:
    submissions = await asyncio.gather(*(hall.submit("t1") for _ in range(20)))
    await hall.until("t1", "PLANNED")
    assert sum(one.is_new for one in submissions) == 1
    assert hall.states("t1") == ["QUEUED", "PLANNING", "PLANNED"]


async def test_a_new_task_costs_no_read_of_the_journal(
    idle: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nobody_reads(task_id: str) -> None:
        pytest.fail(f"the journal was asked for {task_id}")

    monkeypatch.setattr(idle.journal, "task", nobody_reads)
    await idle.submit("t1")
