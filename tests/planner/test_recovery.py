"""Nothing accepted is lost: not by a restart, not by a drain, not by a full disk."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from messages.status import TaskState
from planner_node.errors import JournalLost
from planner_node.settings import PlannerSettings
from planner_node.tasks.record import EventKind, TaskRecord
from tests.fakes.clock import START, ManualClock
from tests.fakes.completion import TWO_SUBTASKS_CHARS, Script, ScriptedCompleter, tool_call
from tests.fakes.hall import Hall, HallMaker
from tests.fakes.journal import MemoryJournal


async def test_a_waiting_task_is_planned_after_the_restart(open_hall: HallMaker) -> None:
    before = await open_hall(Hall(works=False))
    await before.submit("t1")
    hall = await open_hall(Hall(journal=before.journal))
    record = await hall.until("t1", "PLANNED")
    assert record.attempt == 1
    assert hall.states("t1") == ["QUEUED", "PLANNING", "PLANNED"]


async def test_a_task_killed_while_planning_is_the_next_attempt(
    killed: Hall, open_hall: HallMaker
) -> None:
    hall = await open_hall(Hall(journal=killed.journal))
    record = await hall.until("t1", "PLANNED")
    assert (record.attempt, record.subtasks_done) == (2, 4)
    assert hall.states("t1") == ["QUEUED", "PLANNING", "QUEUED", "PLANNING", "PLANNED"]
    versions = [one["status_version"] for one in hall.said("t1", EventKind.STATUS)]
    assert versions == [1, 2, 3, 4, 5]
    keys = [(one["attempt"], one["seq"]) for one in hall.said("t1", EventKind.SUBTASK)]
    assert len(set(keys)) == len(keys)


async def test_subtask_ids_are_the_same_after_the_restart(
    killed: Hall, open_hall: HallMaker
) -> None:
    hall = await open_hall(Hall(journal=killed.journal))
    await hall.until("t1", "PLANNED")
    ids = [
        one["subtask"]["subtask_id"] for one in hall.said("t1", EventKind.SUBTASK) if one["subtask"]
    ]
    assert ids == ["s0", "s1", "s0", "s1", "s2", "s3"]


async def test_a_task_that_kills_the_node_again_and_again_fails(
    killed: Hall, open_hall: HallMaker
) -> None:
    hall = await open_hall(Hall(journal=killed.journal, settings=PlannerSettings(max_attempts=1)))
    assert hall.states("t1") == ["QUEUED", "PLANNING", "FAILED"]
    assert hall.said("t1", EventKind.SUBTASK)[-1]["type"] == "PLAN_FAILED"


async def test_a_question_still_waits_after_the_restart(open_hall: HallMaker) -> None:
    asking = Script(tool_call("ask_clarification", {"question": "哪一本？", "options": []}))
    before = await open_hall(Hall(ScriptedCompleter(default=asking)))
    await before.submit("t1")
    await before.until("t1", "INPUT_REQUIRED")
    await before.close()
    hall = await open_hall(Hall(journal=before.journal))
    await hall.say("ANSWER", "t1", answer="blue")
    await hall.until("t1", "PLANNED")
    assert hall.states("t1")[-4:] == ["INPUT_REQUIRED", "QUEUED", "PLANNING", "PLANNED"]


async def test_a_task_that_was_due_while_the_node_was_away_expires(open_hall: HallMaker) -> None:
    clock = ManualClock()
    before = await open_hall(Hall(works=False, clock=clock))
    await before.submit("t1", deadline=START + timedelta(seconds=5))
    clock.advance(3600)
    completer = ScriptedCompleter()
    hall = await open_hall(Hall(completer, journal=before.journal, clock=clock))
    await hall.until("t1", "EXPIRED")
    assert completer.requests == []


async def test_tasks_are_planned_in_their_old_order_after_the_restart(
    open_hall: HallMaker,
) -> None:
    before = await open_hall(Hall(works=False))
    for number in range(5):
        await before.submit(f"t{number}", instruction=f"task {number}")
    completer = ScriptedCompleter()
    hall = await open_hall(Hall(completer, journal=before.journal))
    await hall.until("t4", "PLANNED")
    asked = [one.messages[-1].content for one in completer.requests]
    assert asked == [f"task {number}" for number in range(5)]


async def test_drain_lets_a_running_plan_finish(open_hall: HallMaker) -> None:
    script = Script(hold_after=TWO_SUBTASKS_CHARS)
    hall = await open_hall(Hall(ScriptedCompleter(default=script)))
    await hall.submit("t1")
    await hall.submit("t2")
    await script.held.wait()
    drain = asyncio.create_task(hall.planner.drain(grace_s=10))
    await asyncio.sleep(0)
    script.gate.set()
    await drain
    assert hall.states("t1")[-1] == "PLANNED"
    assert hall.states("t2") == ["QUEUED"]


async def test_drain_puts_what_takes_too_long_back(open_hall: HallMaker) -> None:
    script = Script(hold_after=TWO_SUBTASKS_CHARS)
    completer = ScriptedCompleter(default=script)
    before = await open_hall(Hall(completer))
    await before.submit("t1")
    await script.held.wait()
    await before.planner.drain(grace_s=0.0)
    assert before.states("t1") == ["QUEUED", "PLANNING", "QUEUED"]
    assert completer.running == set()
    hall = await open_hall(Hall(journal=before.journal))
    record = await hall.until("t1", "PLANNED")
    assert record.attempt == 2


async def test_drain_of_an_idle_hall_is_immediate(hall: Hall) -> None:
    await hall.planner.drain(grace_s=10)
    await hall.submit("t1")
    assert hall.states("t1") == ["QUEUED"]


class FullDisk(MemoryJournal):
    """Says when somebody has been refused."""

    def __init__(self) -> None:
        super().__init__()
        self.refused = asyncio.Event()

    def _check_disk(self) -> None:
        if self.refuses:
            self.refused.set()
        super()._check_disk()


async def test_a_full_disk_holds_a_plan_up_and_loses_nothing(open_hall: HallMaker) -> None:
    script, journal = Script(hold_after=TWO_SUBTASKS_CHARS), FullDisk()
    hall = await open_hall(Hall(ScriptedCompleter(default=script), journal=journal))
    await hall.submit("t1")
    await script.held.wait()
    journal.refuses = "disk full"
    script.gate.set()
    await journal.refused.wait()
    journal.refuses = ""
    await hall.until("t1", "PLANNED")
    seqs = [one["seq"] for one in hall.said("t1", EventKind.SUBTASK)]
    assert seqs == [0, 1, 2, 3, None]


async def test_a_full_disk_at_the_start_is_told_to_the_node() -> None:
    journal = MemoryJournal()
    before = Hall(journal=journal, works=False)
    await before.submit("t1")
    journal.records["t1"] = _planning(journal.records["t1"])
    journal.refuses = "disk full"
    with pytest.raises(JournalLost):
        await Hall(journal=journal).planner.start()


def _planning(record: TaskRecord) -> TaskRecord:
    return replace(record, state=TaskState.PLANNING, started=record.queued)


async def test_a_held_hall_takes_in_and_plans_nothing_before_it_opens(
    open_hall: HallMaker,
) -> None:
    completer = ScriptedCompleter()
    hall = await open_hall(Hall(completer, works=False))
    hall.planner.hold()
    hall.go_to_work()
    await hall.submit("t1")
    await asyncio.sleep(0)
    assert completer.requests == []
    hall.planner.open()
    await hall.until("t1", "PLANNED")


async def test_a_held_hall_lets_deadlines_pass(open_hall: HallMaker) -> None:
    clock = ManualClock()
    hall = await open_hall(Hall(clock=clock, works=False))
    hall.planner.hold()
    await hall.submit("t1", deadline=START + timedelta(seconds=5))
    clock.advance(5)
    hall.go_to_work()
    await hall.until("t1", "EXPIRED")
