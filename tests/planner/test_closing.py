"""A plan that was begun is closed once, however the task ends, and each loss is counted once."""

from datetime import timedelta

import pytest

from planner_node.settings import PlannerSettings
from planner_node.tasks.record import EventKind
from tests.fakes.clock import START, ManualClock
from tests.fakes.completion import (
    ASKING,
    TWO_SUBTASKS_CHARS,
    Script,
    ScriptedCompleter,
    tool_call,
)
from tests.fakes.hall import Hall, HallMaker

DECLINING = tool_call("decline_task", {"reason_code": "UNSAFE", "reason": "不行"})


async def streaming(open_hall: HallMaker, clock: ManualClock | None = None) -> Hall:
    """A hall in the middle of the stream of t1, which is due in an hour."""
    script, clock = Script(hold_after=TWO_SUBTASKS_CHARS), clock or ManualClock()
    hall = await open_hall(Hall(ScriptedCompleter(default=script), clock=clock))
    await hall.submit("t1", deadline=START + timedelta(hours=1))
    await script.held.wait()
    await hall.until_record("t1", lambda one: one.subtasks_done == 2)
    return hall


def stream(hall: Hall) -> list[tuple[str, int]]:
    """Return what the stream said: type and attempt."""
    return [(one["type"], one["attempt"]) for one in hall.said("t1", EventKind.SUBTASK)]


ADDED = [("SUBTASK_ADDED", 1)] * 2
CLOSED = ("PLAN_FAILED", 2)


@pytest.mark.parametrize("is_drained", [False, True])
async def test_a_cancel_after_the_restart_closes_the_stream(
    open_hall: HallMaker, *, is_drained: bool
) -> None:
    before = await streaming(open_hall)
    if is_drained:
        await before.planner.drain(grace_s=0)
    await before.close()
    hall = await open_hall(Hall(journal=before.journal, works=False, clock=before.clock))
    await hall.say("CANCEL", "t1")
    assert stream(hall) == [*ADDED, CLOSED]


async def test_a_deadline_that_passed_while_the_node_was_away_closes_the_stream(
    open_hall: HallMaker,
) -> None:
    clock = ManualClock()
    before = await streaming(open_hall, clock)
    await before.close()
    clock.advance(3600)
    hall = await open_hall(Hall(journal=before.journal, clock=clock))
    await hall.until("t1", "EXPIRED")
    assert stream(hall) == [*ADDED, CLOSED]


@pytest.mark.parametrize(("says", "state"), [(DECLINING, "DECLINED"), (ASKING, "INPUT_REQUIRED")])
async def test_a_next_attempt_that_plans_nothing_closes_the_stream_of_the_first(
    open_hall: HallMaker, says: str, state: str
) -> None:
    before = await streaming(open_hall)
    await before.close()
    completer = ScriptedCompleter(default=Script(says))
    hall = await open_hall(Hall(completer, journal=before.journal, clock=before.clock))
    await hall.until("t1", state)
    assert stream(hall) == [*ADDED, CLOSED]


async def test_a_question_closes_the_stream_once(open_hall: HallMaker) -> None:
    before = await streaming(open_hall)
    await before.close()
    completer = ScriptedCompleter(default=Script(ASKING))
    hall = await open_hall(Hall(completer, journal=before.journal, clock=before.clock))
    await hall.until("t1", "INPUT_REQUIRED")
    await hall.say("CANCEL", "t1")
    assert stream(hall) == [*ADDED, CLOSED]


async def test_what_is_planned_after_the_question_is_a_stream_of_its_own(
    open_hall: HallMaker,
) -> None:
    before = await streaming(open_hall)
    await before.close()
    completer = ScriptedCompleter({"藍": Script()}, default=Script(ASKING))
    hall = await open_hall(Hall(completer, journal=before.journal, clock=before.clock))
    await hall.until("t1", "INPUT_REQUIRED")
    await hall.say("ANSWER", "t1", answer="藍")
    await hall.until("t1", "PLANNED")
    planned = [("SUBTASK_ADDED", 3)] * 4
    assert stream(hall) == [*ADDED, CLOSED, *planned, ("PLAN_COMPLETED", 3)]


@pytest.mark.parametrize(("says", "op"), [(DECLINING, ""), (ASKING, "CANCEL")])
async def test_a_stream_without_a_subtask_is_closed_as_well(
    open_hall: HallMaker, says: str, op: str
) -> None:
    hall = await open_hall(Hall(ScriptedCompleter(default=Script(says))))
    await hall.submit("t1")
    await hall.until("t1", "INPUT_REQUIRED" if op else "DECLINED")
    if op:
        await hall.say(op, "t1")
    assert stream(hall) == [("PLAN_FAILED", 1)]


async def test_a_cancel_before_the_first_subtask_closes_the_stream(open_hall: HallMaker) -> None:
    script = Script(hold_after=0)
    hall = await open_hall(Hall(ScriptedCompleter(default=script)))
    await hall.submit("t1")
    await script.held.wait()
    await hall.say("CANCEL", "t1")
    assert stream(hall) == [("PLAN_FAILED", 1)]


async def test_a_stream_that_was_never_begun_is_not_closed(idle: Hall) -> None:
    await idle.submit("t1")
    await idle.say("CANCEL", "t1")
    assert stream(idle) == []


async def test_what_is_planned_after_a_question_without_a_subtask_is_the_next_attempt(
    asking: Hall,
) -> None:
    await asking.say("ANSWER", "t1", answer="藍")
    await asking.until("t1", "PLANNED")
    planned = [("SUBTASK_ADDED", 2)] * 4
    assert stream(asking) == [("PLAN_FAILED", 1), *planned, ("PLAN_COMPLETED", 2)]


async def restarted(open_hall: HallMaker, hall: Hall) -> tuple[Hall, Script]:
    """Stop the hall as a killed node is stopped; return the next one, and what its model says."""
    await hall.close()
    script = Script(hold_after=TWO_SUBTASKS_CHARS)
    settings = PlannerSettings(max_attempts=2)
    completer = ScriptedCompleter(default=script)
    made = Hall(completer, journal=hall.journal, clock=hall.clock, settings=settings)
    return await open_hall(made), script


async def test_stops_in_good_order_do_not_use_up_the_attempts(open_hall: HallMaker) -> None:
    hall = await streaming(open_hall)
    for _ in range(3):
        await hall.planner.drain(grace_s=0)
        hall, script = await restarted(open_hall, hall)
        await script.held.wait()
    hall, script = await restarted(open_hall, hall)  # this time without a drain
    script.gate.set()
    record = await hall.until("t1", "PLANNED")
    assert (record.attempt, record.losses) == (5, 1)


async def test_crashes_use_up_the_attempts(open_hall: HallMaker) -> None:
    hall, script = await restarted(open_hall, await streaming(open_hall))
    await script.held.wait()
    hall, _ = await restarted(open_hall, hall)
    status = hall.said("t1", EventKind.STATUS)[-1]
    assert status["status"] == "FAILED"
    assert {"key": "attempts", "value": "2"} in status["problem"]["references"]
