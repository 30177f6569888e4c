"""What comes back to whoever controls a task: what was ignored, and an answer where it wants it."""

import json

import pytest

from messages.problem import ProblemCode, problem
from messages.task import ControlOp, TaskControl
from planner_node.errors import WrongState
from planner_node.tasks.record import (
    MAX_WARNINGS,
    EventKind,
    Origin,
    Reply,
    StoredEvent,
    TaskRecord,
)
from tests.fakes.hall import ROBOT, Hall

UNKNOWN = "unknown field ignored: /colour"
ASKER = Reply("replies/me", b"7")
ECHO = Reply(correlation_data=b"9")
CHANGES = [(ControlOp.CANCEL, {}), (ControlOp.REPRIORITIZE, {"priority": 80})]


def told_to(hall: Hall, task_id: str, reply: Reply) -> list[StoredEvent]:
    return [one for one in hall.log(task_id) if one.event.reply == reply]


async def say_as(hall: Hall, origin: Origin, op: ControlOp, **fields: object) -> TaskRecord:
    word = TaskControl.model_validate({"op": op, "task_id": "t1", **fields})
    return await hall.planner.control(word, origin)


@pytest.mark.parametrize(("op", "fields"), CHANGES)
async def test_what_of_a_word_was_ignored_is_in_the_status(
    idle: Hall, op: ControlOp, fields: dict[str, object]
) -> None:
    await idle.submit("t1")
    record = await say_as(idle, Origin(ROBOT, (UNKNOWN,)), op, **fields)
    assert record.warnings == (UNKNOWN,)
    assert idle.said("t1", EventKind.STATUS)[-1]["warnings"] == [UNKNOWN]


async def test_what_of_an_answer_was_ignored_is_in_the_status(asking: Hall) -> None:
    await say_as(asking, Origin(ROBOT, (UNKNOWN,)), ControlOp.ANSWER, answer="藍")
    assert asking.said("t1", EventKind.STATUS)[3]["warnings"] == [UNKNOWN]


async def test_what_of_a_get_was_ignored_is_told_beside_the_copy(idle: Hall) -> None:
    await idle.submit("t1")
    await say_as(idle, Origin(ROBOT, (UNKNOWN,), ASKER), ControlOp.GET)
    copy, notice = told_to(idle, "t1", ASKER)
    assert copy.replay_of is not None
    (told,) = idle.said("t1", EventKind.NOTICE)
    assert (notice.event.kind, told["status"]) == (EventKind.NOTICE, "QUEUED")
    assert (told["warnings"], told["problem"]) == ([UNKNOWN], None)


async def test_what_of_a_refused_word_was_ignored_is_in_the_answer(idle: Hall) -> None:
    await idle.submit("t1")
    origin = Origin(ROBOT, (UNKNOWN,))
    await idle.planner.refuse(problem(ProblemCode.SCHEMA_INVALID), origin, "t1", is_control=True)
    assert idle.said("t1", EventKind.NOTICE)[0]["warnings"] == [UNKNOWN]


async def test_words_without_end_do_not_let_the_status_grow(idle: Hall) -> None:
    await idle.submit("t1")
    for number in range(2 * MAX_WARNINGS):
        origin = Origin(ROBOT, (UNKNOWN, f"unknown field ignored: /{number}"))
        record = await say_as(idle, origin, ControlOp.REPRIORITIZE, priority=number % 100)
    assert len(record.warnings) == MAX_WARNINGS
    assert record.warnings[-1] == f"unknown field ignored: /{2 * MAX_WARNINGS - 1}"


@pytest.mark.parametrize(("op", "fields"), CHANGES)
async def test_who_asks_for_a_change_hears_of_it_where_it_wants(
    idle: Hall, op: ControlOp, fields: dict[str, object]
) -> None:
    await idle.submit("t1")
    await say_as(idle, Origin(ROBOT, reply=ASKER), op, **fields)
    (copy,) = told_to(idle, "t1", ASKER)
    change = idle.log("t1")[-2].event
    assert (copy.event.kind, copy.event.robot_id) == (EventKind.NOTICE, None)
    assert (change.kind, change.payload) == (EventKind.STATUS, copy.event.payload)


async def test_who_answers_hears_of_it_where_it_wants(asking: Hall) -> None:
    await say_as(asking, Origin(ROBOT, reply=ASKER), ControlOp.ANSWER, answer="藍")
    (copy,) = told_to(asking, "t1", ASKER)
    assert json.loads(copy.event.payload)["status"] == "QUEUED"


@pytest.mark.parametrize(("op", "fields"), CHANGES)
async def test_what_is_to_be_echoed_comes_back_with_the_change_itself(
    idle: Hall, op: ControlOp, fields: dict[str, object]
) -> None:
    await idle.submit("t1")
    await say_as(idle, Origin(ROBOT, reply=ECHO), op, **fields)
    *_, change = idle.log("t1")
    assert len(idle.log("t1")) == 2  # accepted, then changed: each told once
    assert (change.event.kind, change.event.robot_id) == (EventKind.STATUS, ROBOT)
    assert change.event.reply == ECHO


async def test_a_task_with_a_topic_of_its_own_hears_there_of_what_another_asked_for(
    idle: Hall,
) -> None:
    await idle.submit_as(Origin(ROBOT, reply=ASKER), "t1")
    await say_as(idle, Origin(ROBOT, reply=ECHO), ControlOp.CANCEL)
    _, change = [one.event for one in idle.log("t1")]
    assert (change.kind, change.robot_id) == (EventKind.STATUS, ROBOT)
    assert change.reply == Reply(None, ECHO.correlation_data, others=(ASKER,))


async def test_what_the_asker_does_not_send_is_echoed_from_the_task(idle: Hall) -> None:
    await idle.submit_as(Origin(ROBOT, reply=ECHO), "t1")
    trace = (("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),)
    await say_as(idle, Origin(ROBOT, reply=Reply(user_properties=trace)), ControlOp.CANCEL)
    assert idle.log("t1")[-1].event.reply == Reply(None, b"9", trace)


async def test_a_change_that_is_refused_is_not_told_as_done(idle: Hall) -> None:
    await idle.submit("t1")
    with pytest.raises(WrongState):
        await say_as(idle, Origin(ROBOT, reply=ASKER), ControlOp.ANSWER, answer="藍")
    assert told_to(idle, "t1", ASKER) == []
