"""A watcher sees what was said, then what is said, and leaves after the end."""

import asyncio
from contextlib import aclosing

import pytest

from planner_node.errors import TaskNotFound
from planner_node.tasks.record import StoredEvent
from tests.fakes.completion import SEED_PLAN, TWO_SUBTASKS_CHARS, Script, ScriptedCompleter
from tests.fakes.hall import Hall, HallMaker


async def watched(hall: Hall, task_id: str, after_id: int = 0) -> list[StoredEvent]:
    async with asyncio.timeout(10), aclosing(hall.planner.watch(task_id, after_id)) as events:
        return [event async for event in events]


async def test_watch_of_a_finished_task_tells_all_and_ends(hall: Hall) -> None:
    await hall.submit("t1")
    await hall.until("t1", "PLANNED")
    assert await watched(hall, "t1") == hall.log("t1")


async def test_watch_of_a_running_task_tells_what_was_and_what_comes(
    open_hall: HallMaker,
) -> None:
    script = Script(hold_after=TWO_SUBTASKS_CHARS)
    hall = await open_hall(Hall(ScriptedCompleter(default=script)))
    await hall.submit("t1")
    await script.held.wait()
    watcher = asyncio.create_task(watched(hall, "t1"))
    await asyncio.sleep(0)
    script.gate.set()
    assert await watcher == hall.log("t1")


@pytest.mark.parametrize("seen", range(9))
async def test_watch_resumes_after_the_last_event_seen(hall: Hall, seen: int) -> None:
    await hall.submit("t1")
    await hall.until("t1", "PLANNED")
    log = hall.log("t1")
    after_id = log[seen - 1].event_id if seen else 0
    assert await watched(hall, "t1", after_id) == log[seen:]


async def test_watch_does_not_tell_of_other_tasks_or_copies(hall: Hall) -> None:
    await hall.submit("t1")
    await hall.submit("t2", robot_id="robot-2")
    await hall.until("t1", "PLANNED")
    await hall.submit("t1")
    told = await watched(hall, "t1")
    assert {(event.event.task_id, event.replay_of) for event in told} == {("t1", None)}


async def test_watch_of_an_unknown_task_is_refused(hall: Hall) -> None:
    with pytest.raises(TaskNotFound):
        await watched(hall, "t9")


async def test_a_watcher_that_leaves_is_forgotten(open_hall: HallMaker) -> None:
    hall = await open_hall(Hall(works=False))
    await hall.submit("t1")
    events = hall.planner.watch("t1")
    await anext(events)
    await events.aclose()
    assert hall.journal._listeners == []


async def test_many_watchers_see_the_same(open_hall: HallMaker) -> None:
    script = Script(hold_after=0)
    hall = await open_hall(Hall(ScriptedCompleter(default=script)))
    await hall.submit("t1")
    watchers = [asyncio.create_task(watched(hall, "t1")) for _ in range(10)]
    await script.held.wait()
    script.gate.set()
    told = await asyncio.gather(*watchers)
    assert told == [hall.log("t1")] * 10


async def test_the_plan_can_be_asked_for(hall: Hall) -> None:
    await hall.submit("t1")
    await hall.until("t1", "PLANNED")
    plan = await hall.planner.plan("t1")
    assert plan is not None
    assert [subtask.task for subtask in plan.tasks] == [task for task, _ in SEED_PLAN]


async def test_there_is_no_plan_before_it_is_made(open_hall: HallMaker) -> None:
    hall = await open_hall(Hall(works=False))
    await hall.submit("t1")
    assert await hall.planner.plan("t1") is None


async def test_the_plan_of_an_unknown_task_is_refused(hall: Hall) -> None:
    with pytest.raises(TaskNotFound):
        await hall.planner.plan("t9")
