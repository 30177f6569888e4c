"""Who is due ends EXPIRED, wherever the task is; who is not stays."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NoReturn

import pytest

from messages.wire import format_timestamp
from planner_node.errors import TaskMoved
from planner_node.planner.deadlines import Deadlines, Timetable
from planner_node.settings import PlannerSettings
from planner_node.tasks.record import Event, EventKind, Origin, TaskRecord
from tests.fakes.clock import START, ManualClock
from tests.fakes.completion import ASKING, TWO_SUBTASKS_CHARS, Script, ScriptedCompleter
from tests.fakes.hall import ROBOT, Hall, HallMaker
from tests.fakes.journal import MemoryJournal
from tests.fakes.waiting import until

SOON_S = 0.05


async def never(task_id: str) -> None:
    raise AssertionError(f"{task_id} expired")


def soon() -> datetime:
    return datetime.now(UTC) + timedelta(seconds=SOON_S)


async def test_a_waiting_task_expires(open_hall: HallMaker) -> None:
    script = Script(hold_after=0)
    hall = await open_hall(Hall(ScriptedCompleter(default=script)))
    await hall.submit("t1")
    await script.held.wait()
    await hall.submit("t2", deadline=soon())
    await hall.until("t2", "EXPIRED")
    assert hall.states("t2") == ["QUEUED", "EXPIRED"]
    assert hall.said("t2")[-1]["problem"]["code"] == "EXPIRED"
    assert hall.planner.load.queue_depth == 0


async def test_a_running_task_expires_and_leaves_the_model(open_hall: HallMaker) -> None:
    script = Script(hold_after=TWO_SUBTASKS_CHARS)
    completer, clock = ScriptedCompleter({"slow": script}), ManualClock()
    hall = await open_hall(Hall(completer, clock=clock))
    await hall.submit("t1", instruction="slow", deadline=START + timedelta(seconds=60))
    await until(lambda: bool(hall.said("t1", EventKind.SUBTASK)))
    clock.advance(61)
    await hall.until("t1", "EXPIRED")
    await hall.submit("t2")
    await hall.until("t2", "PLANNED")
    assert completer.running == set()
    assert hall.states("t1") == ["QUEUED", "PLANNING", "EXPIRED"]
    assert hall.said("t1", EventKind.STATUS)[-1]["problem"]["code"] == "DEADLINE_EXCEEDED"
    assert [one["type"] for one in hall.said("t1", EventKind.SUBTASK)][-1] == "PLAN_FAILED"


async def test_an_unanswered_question_expires(open_hall: HallMaker) -> None:
    clock, completer = ManualClock(), ScriptedCompleter(default=Script(ASKING))
    settings = PlannerSettings(input_timeout_s=60)
    hall = await open_hall(Hall(completer, clock=clock, settings=settings))
    await hall.submit("t1")
    await hall.until("t1", "INPUT_REQUIRED")
    clock.advance(61)
    await hall.until("t1", "EXPIRED")
    told = hall.said("t1", EventKind.STATUS)[-1]
    assert told["question"] is None
    assert told["problem"]["code"] == "EXPIRED"
    assert "Nobody answered within input_timeout_s" in told["problem"]["hint"]
    assert "無人回答" in told["problem"]["translations"][0]["hint"]


async def test_the_time_for_an_answer_runs_from_the_question_also_after_a_restart(
    open_hall: HallMaker,
) -> None:
    clock, script = ManualClock(), Script(ASKING, hold_after=0)
    settings = PlannerSettings(input_timeout_s=60)
    before = await open_hall(
        Hall(ScriptedCompleter(default=script), clock=clock, settings=settings)
    )
    await before.submit("t1")
    await script.held.wait()
    clock.advance(50)  # of which nobody who answers can know
    script.gate.set()
    await before.until("t1", "INPUT_REQUIRED")
    await before.close()
    hall = await open_hall(Hall(journal=before.journal, clock=clock, settings=settings))
    clock.advance(59)
    await hall.submit_as(Origin("robot-2", expiry_s=0), "t2")
    await hall.until("t2", "EXPIRED")  # the timer has looked at both by then
    assert hall.states("t1")[-1] == "INPUT_REQUIRED"
    clock.advance(1)
    await hall.until("t1", "EXPIRED")


async def test_a_task_that_is_due_when_its_turn_comes_costs_no_tokens(
    open_hall: HallMaker,
) -> None:
    clock = ManualClock()
    completer = ScriptedCompleter()
    hall = await open_hall(Hall(completer, clock=clock, works=False))
    await hall.submit("t1", deadline=START + timedelta(seconds=5))
    clock.advance(5)
    hall.go_to_work()
    await hall.until("t1", "EXPIRED")
    assert hall.said("t1", EventKind.STATUS)[-1]["problem"]["code"] == "EXPIRED"
    assert completer.requests == []


async def test_a_command_past_its_message_expiry_is_not_begun(open_hall: HallMaker) -> None:
    clock, completer = ManualClock(), ScriptedCompleter()
    hall = await open_hall(Hall(completer, clock=clock, works=False))
    await hall.submit_as(Origin(ROBOT, expiry_s=5), "t1")
    clock.advance(5)
    hall.go_to_work()
    await hall.until("t1", "EXPIRED")
    assert hall.said("t1", EventKind.STATUS)[-1]["problem"]["code"] == "EXPIRED"
    assert completer.requests == []


async def test_a_command_past_its_message_expiry_ends_while_it_waits(open_hall: HallMaker) -> None:
    clock, script = ManualClock(), Script(hold_after=0)
    hall = await open_hall(Hall(ScriptedCompleter(default=script), clock=clock))
    await hall.submit("t1")
    await script.held.wait()
    await hall.submit_as(Origin(ROBOT, expiry_s=5), "t2", deadline=START + timedelta(hours=1))
    clock.advance(5)
    await hall.until("t2", "EXPIRED")
    assert hall.states("t2") == ["QUEUED", "EXPIRED"]


async def test_a_plan_that_was_begun_in_time_outlives_its_commands_message_expiry(
    open_hall: HallMaker,
) -> None:
    clock, script = ManualClock(), Script(hold_after=TWO_SUBTASKS_CHARS)
    hall = await open_hall(Hall(ScriptedCompleter(default=script), clock=clock))
    await hall.submit_as(Origin(ROBOT, expiry_s=5), "t1")
    await script.held.wait()
    clock.advance(60)
    await hall.submit_as(
        Origin("robot-2", expiry_s=0), "t2"
    )  # the timer has looked at both by then
    await hall.until("t2", "EXPIRED")
    script.gate.set()
    await hall.until("t1", "PLANNED")


async def test_a_message_expiry_outlives_the_node(open_hall: HallMaker) -> None:
    clock = ManualClock()
    before = await open_hall(Hall(clock=clock, works=False))
    await before.submit_as(Origin(ROBOT, expiry_s=5), "t1")
    await before.close()
    clock.advance(5)
    hall = await open_hall(Hall(clock=clock, journal=before.journal))
    await hall.until("t1", "EXPIRED")


async def test_the_status_tells_when_a_command_would_expire(idle: Hall) -> None:
    record = (await idle.submit_as(Origin(ROBOT, expiry_s=5), "t1")).record
    (told,) = idle.said("t1", EventKind.STATUS)
    assert record.expires == record.received + timedelta(seconds=5)
    assert told["times"]["expires"] == format_timestamp(record.expires)


async def test_an_expiry_that_cannot_be_written_comes_later(open_hall: HallMaker) -> None:
    clock = ManualClock()
    hall = await open_hall(Hall(clock=clock, works=False))
    await hall.submit("t1", deadline=START + timedelta(seconds=5))
    hall.journal.refuses = "disk full"
    clock.advance(5)
    hall.go_to_work()
    await asyncio.sleep(0)
    hall.journal.refuses = ""
    clock.advance(5)
    await hall.until("t1", "EXPIRED")
    assert hall.states("t1") == ["QUEUED", "EXPIRED"]


async def test_a_finished_task_does_not_expire(open_hall: HallMaker) -> None:
    clock = ManualClock()
    hall = await open_hall(Hall(clock=clock))
    await hall.submit("t1", deadline=START + timedelta(seconds=5))
    await hall.until("t1", "PLANNED")
    clock.advance(60)
    await hall.submit("t2", deadline=START + timedelta(seconds=61))
    clock.advance(60)
    await hall.until_record("t2", lambda record: record.finished is not None)
    assert hall.states("t1")[-1] == "PLANNED"


def test_a_timetable_gives_what_is_due_the_earliest_first() -> None:
    table = Timetable()
    for task_id, due_s in (("late", 9.0), ("second", 2.0), ("first", 1.0)):
        table.set(task_id, due_s)
    assert table.due(2.0, limit=10) == ["first", "second"]
    assert table.first_s == 9.0


def test_a_timetable_gives_no_more_than_asked() -> None:
    table = Timetable()
    for number in range(5):
        table.set(f"t{number}", 0.0)
    assert table.due(0.0, limit=2) == ["t0", "t1"]


def test_a_timetable_forgets_and_moves() -> None:
    table = Timetable()
    table.set("gone", 0.0)
    table.set("moved", 0.0)
    table.set("gone", None)
    table.set("moved", 1.0)
    assert table.due(0.0, limit=10) == []
    assert table.first_s == 1.0


@pytest.mark.parametrize("jump_s", [3_600, -3_600])
def test_a_wall_clock_that_is_set_makes_nothing_due_and_nothing_late(jump_s: int) -> None:
    clock = ManualClock()
    deadlines, due = Deadlines(clock, never), START + timedelta(seconds=10)
    deadlines.watch("t", [due])
    clock.jump(jump_s)
    assert not deadlines.is_due("t", due)
    deadlines.watch("t", [due])
    clock.advance(10)
    assert deadlines.is_due("t", due)


def test_what_is_watched_no_more_is_forgotten() -> None:
    clock = ManualClock()
    deadlines = Deadlines(clock, never)
    deadlines.watch("t", [START])
    deadlines.watch("t", [])
    assert not deadlines._known_s


async def test_one_task_that_cannot_expire_does_not_stop_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    expired = asyncio.Event()

    async def expire(task_id: str) -> None:
        if task_id == "bad":
            raise RuntimeError("no")
        expired.set()

    deadlines = Deadlines(ManualClock(), expire)
    deadlines.watch("bad", [START])
    deadlines.watch("good", [START])
    async with asyncio.timeout(10):
        work = asyncio.create_task(deadlines.run())
        await expired.wait()
        work.cancel()
    assert "bad cannot expire now" in caplog.text


async def test_a_task_that_another_node_has_is_watched_no_more(open_hall: HallMaker) -> None:
    class Moved(MemoryJournal):
        async def commit(self, record: TaskRecord | None, events: Sequence[Event]) -> NoReturn:
            raise TaskMoved(task_id=record and record.task_id, events=len(events))

    clock = ManualClock()
    hall = await open_hall(Hall(journal=Moved(), clock=clock, works=False))
    await hall.submit("t1", deadline=START + timedelta(seconds=60))
    clock.advance(61)
    desk = hall.planner._desk
    await desk.expire("t1")
    assert not desk.deadlines._known_s
