"""An operator's word: cancel, get, reprioritize, answer; and what is refused."""

import pytest

from messages.problem import ErrorReport, ProblemCode, problem
from messages.status import TaskState, TaskStatus
from messages.task import ControlOp, TaskCommand, TaskControl
from messages.wire import SCHEMA_VERSION, format_timestamp
from planner_node.errors import BadCommand, JournalLost, NotEnabled, TaskNotFound, WrongState
from planner_node.settings import QueueSettings
from planner_node.tasks.record import EventKind, Origin, Reply
from tests.fakes.clock import START
from tests.fakes.completion import ASKING, TWO_SUBTASKS_CHARS, Script, ScriptedCompleter
from tests.fakes.hall import ROBOT, Hall, HallMaker


async def test_cancel_of_a_waiting_task_ends_it(idle: Hall) -> None:
    await idle.submit("t1")
    record = await idle.say("CANCEL", "t1")
    assert record.state == "CANCELED"
    assert idle.states("t1") == ["QUEUED", "CANCELED"]
    assert idle.planner.load.queue_depth == 0


async def test_cancel_of_a_running_task_stops_the_model_and_the_talk(
    open_hall: HallMaker,
) -> None:
    script = Script(hold_after=TWO_SUBTASKS_CHARS)
    completer = ScriptedCompleter({"first": script})
    hall = await open_hall(Hall(completer))
    await hall.submit("t1", instruction="first")
    await script.held.wait()
    await hall.say("CANCEL", "t1")
    script.gate.set()
    await hall.submit("t2", instruction="second")
    await hall.until("t2", "PLANNED")
    assert completer.left == [completer.requests[0].request_id]
    kinds = [one["type"] for one in hall.said("t1", EventKind.SUBTASK)]
    assert kinds == ["SUBTASK_ADDED", "SUBTASK_ADDED", "PLAN_FAILED"]
    assert hall.log("t1")[-1].event.kind is EventKind.STATUS
    assert hall.states("t1") == ["QUEUED", "PLANNING", "CANCELED"]


async def test_cancel_of_a_question_ends_it(asking: Hall) -> None:
    record = await asking.say("CANCEL", "t1")
    assert (record.state, record.question, record.problem) == ("CANCELED", None, None)


async def test_cancel_keeps_the_reason(idle: Hall) -> None:
    await idle.submit("t1")
    await idle.say("CANCEL", "t1", reason="not needed")
    assert idle.said("t1")[-1]["warnings"] == ["canceled: not needed · 已取消：not needed"]


async def test_cancel_of_a_finished_task_is_refused_with_its_state(hall: Hall) -> None:
    await hall.submit("t1")
    await hall.until("t1", "PLANNED")
    with pytest.raises(WrongState) as refusal:
        await hall.say("CANCEL", "t1")
    assert refusal.value.references["status"] == "PLANNED"
    assert hall.states("t1") == ["QUEUED", "PLANNING", "PLANNED"]


@pytest.mark.parametrize("op", [*ControlOp])
async def test_a_word_about_an_unknown_task_is_refused(idle: Hall, op: ControlOp) -> None:
    with pytest.raises(TaskNotFound):
        await idle.say(op, "t9")


async def test_a_word_from_another_robot_is_refused(idle: Hall) -> None:
    await idle.submit("t1")
    word = TaskControl(op=ControlOp.CANCEL, task_id="t1")
    with pytest.raises(TaskNotFound):
        await idle.planner.control(word, Origin("robot-2"))
    assert idle.states("t1") == ["QUEUED"]


async def test_a_word_for_another_robot_than_the_topics_is_refused(idle: Hall) -> None:
    await idle.submit("t1")
    word = TaskControl(op=ControlOp.CANCEL, task_id="t1", robot_id="robot-2")
    with pytest.raises(BadCommand) as refusal:
        await idle.planner.control(word, Origin(ROBOT))
    assert refusal.value.problem.code is ProblemCode.IDENTITY_MISMATCH


async def test_a_word_without_a_topic_reaches_any_robots_task(idle: Hall) -> None:
    await idle.submit("t1")
    word = TaskControl(op=ControlOp.CANCEL, task_id="t1")
    assert (await idle.planner.control(word, Origin())).state == "CANCELED"


async def test_get_says_the_last_status_and_the_plan_again_to_whoever_asks(hall: Hall) -> None:
    await hall.submit("t1")
    await hall.until("t1", "PLANNED")
    word = TaskControl(op=ControlOp.GET, task_id="t1")
    await hall.planner.control(word, Origin(ROBOT, reply=Reply("replies/me")))
    copies = [one for one in hall.log("t1") if one.replay_of is not None]
    originals = {one.event_id: one for one in hall.log("t1") if one.replay_of is None}
    assert {copy.event.kind for copy in copies} == {EventKind.STATUS, EventKind.PLAN}
    assert [c.event.payload for c in copies] == [
        originals[c.replay_of or 0].event.payload for c in copies
    ]
    assert {copy.event.reply for copy in copies} == {Reply("replies/me")}


async def test_get_of_a_task_without_a_plan_says_its_status_only(idle: Hall) -> None:
    await idle.submit("t1")
    await idle.planner.control(TaskControl(op=ControlOp.GET, task_id="t1"), Origin(ROBOT))
    assert [e.event.kind for e in idle.log("t1") if e.replay_of is not None] == [EventKind.STATUS]


async def test_reprioritize_moves_a_waiting_task(open_hall: HallMaker) -> None:
    completer = ScriptedCompleter()
    hall = await open_hall(Hall(completer, works=False, queue=QueueSettings(running=1)))
    for number in (1, 2, 3):
        await hall.submit(f"t{number}", robot_id=f"r{number}", instruction=f"task {number}")
    word = TaskControl(op=ControlOp.REPRIORITIZE, task_id="t3", priority=99)
    await hall.planner.control(word, Origin())
    status = hall.said("t3")[-1]
    assert (status["status"], status["status_version"]) == ("QUEUED", 2)
    assert status["queue"] == {"position": 0, "depth": 3}
    hall.go_to_work()
    await hall.until("t2", "PLANNED")
    assert [one.messages[-1].content for one in completer.requests] == [
        "task 3",
        "task 1",
        "task 2",
    ]


async def test_reprioritize_without_a_priority_is_refused(idle: Hall) -> None:
    await idle.submit("t1")
    with pytest.raises(BadCommand):
        await idle.say("REPRIORITIZE", "t1")


async def test_reprioritize_of_a_finished_task_is_refused(hall: Hall) -> None:
    await hall.submit("t1")
    await hall.until("t1", "PLANNED")
    with pytest.raises(WrongState):
        await hall.say("REPRIORITIZE", "t1", priority=1)


async def test_reprioritize_that_cannot_be_written_changes_nothing(idle: Hall) -> None:
    await idle.submit("t1")
    await idle.submit("t2")
    idle.journal.refuses = "disk full"
    with pytest.raises(JournalLost):
        await idle.say("REPRIORITIZE", "t2", priority=99)
    record = await idle.planner.task("t2")
    place = (await idle.planner.status_of(record)).queue
    assert record.priority == 50
    assert place is not None
    assert place.position == 1


async def test_an_answer_lets_the_task_be_planned(asking: Hall) -> None:
    await asking.say("ANSWER", "t1", answer="藍的那一本")
    record = await asking.until("t1", "PLANNED")
    assert [exchange.answer for exchange in record.exchanges] == ["藍的那一本"]
    assert asking.states("t1") == [
        "QUEUED",
        "PLANNING",
        "INPUT_REQUIRED",
        "QUEUED",
        "PLANNING",
        "PLANNED",
    ]
    assert asking.said("t1", EventKind.STATUS)[-1]["question"] is None


async def test_the_model_sees_its_question_and_the_answer(open_hall: HallMaker) -> None:
    completer = ScriptedCompleter({"藍": Script()}, Script(ASKING))
    hall = await open_hall(Hall(completer))
    await hall.submit("t1")
    await hall.until("t1", "INPUT_REQUIRED")
    await hall.say("ANSWER", "t1", answer="藍")
    await hall.until("t1", "PLANNED")
    question, answer = completer.requests[1].messages[-2:]
    assert question.tool_calls[0].arguments == {"question": "哪一本？", "options": ["紅", "藍"]}
    assert (answer.role, answer.content) == ("user", "藍")


async def test_an_answer_without_words_is_refused(asking: Hall) -> None:
    with pytest.raises(BadCommand):
        await asking.say("ANSWER", "t1")


async def test_an_answer_to_no_question_is_refused(idle: Hall) -> None:
    await idle.submit("t1")
    with pytest.raises(WrongState):
        await idle.say("ANSWER", "t1", answer="blue")


async def test_replan_is_not_enabled(idle: Hall) -> None:
    await idle.submit("t1")
    with pytest.raises(NotEnabled):
        await idle.say("REPLAN", "t1")


async def test_a_word_that_cannot_be_written_changes_nothing(idle: Hall) -> None:
    await idle.submit("t1")
    idle.journal.refuses = "disk full"
    with pytest.raises(JournalLost):
        await idle.say("CANCEL", "t1")
    idle.journal.refuses = ""
    assert (await idle.planner.task("t1")).state == "QUEUED"
    assert idle.planner.load.queue_depth == 1


async def test_refuse_tells_a_rejection_and_stores_no_task(idle: Hall) -> None:
    origin = Origin(ROBOT, warnings=("odd",), reply=Reply("replies/me"))
    await idle.planner.refuse(problem(ProblemCode.MALFORMED_JSON), origin, None)
    (event,) = [one.event for one in idle.journal.log.values()]
    assert (event.kind, event.robot_id, event.reply) == (EventKind.NOTICE, ROBOT, origin.reply)
    assert idle.journal.records == {}


async def test_refuse_of_an_unknown_id_is_news_of_it(idle: Hall) -> None:
    await idle.planner.refuse(problem(ProblemCode.UNKNOWN_TOOL), Origin(ROBOT), "t1")
    assert [one["status"] for one in idle.said("t1", EventKind.NOTICE)] == ["REJECTED"]


async def test_refuse_echoes_what_the_command_wants_echoed(idle: Hall) -> None:
    fault = problem(ProblemCode.UNKNOWN_TOOL)
    command = TaskCommand(instruction="go", requester="anna", labels=["x"], timestamp=START)
    await idle.planner.refuse(fault, Origin(ROBOT), None, command=command)
    (event,) = [one.event for one in idle.journal.log.values()]
    told = TaskStatus.model_validate_json(event.payload)
    assert (told.requester, told.labels, told.times.sent) == ("anna", ["x"], START)


async def test_every_status_echoes_when_the_command_was_sent(idle: Hall) -> None:
    await idle.submit("t1", timestamp=START)
    await idle.say("CANCEL", "t1")
    sent = [status["times"]["sent"] for status in idle.said("t1", EventKind.STATUS)]
    assert sent == [format_timestamp(START)] * 2


async def test_refuse_of_a_command_is_rejected_also_when_its_id_is_a_tasks(idle: Hall) -> None:
    await idle.submit("t1")
    await idle.planner.refuse(problem(ProblemCode.DUPLICATE_CONFLICT), Origin(ROBOT), "t1")
    *_, event = [one.event for one in idle.journal.log.values()]
    told = TaskStatus.model_validate_json(event.payload)
    assert (told.status, told.status_version, event.robot_id) == (TaskState.REJECTED, 1, ROBOT)
    assert idle.said("t1", EventKind.NOTICE) == []  # who follows t1 would take it for its end


@pytest.mark.parametrize(
    ("code", "is_control"),
    [(ProblemCode.INVALID_STATE_TRANSITION, False), (ProblemCode.SCHEMA_INVALID, True)],
)
async def test_refuse_of_a_control_tells_how_the_task_stands(
    idle: Hall, code: ProblemCode, *, is_control: bool
) -> None:
    await idle.submit("t1")
    await idle.planner.refuse(problem(code), Origin(ROBOT), "t1", is_control=is_control)
    notice = idle.said("t1", EventKind.NOTICE)[0]
    assert (notice["status"], notice["problem"]["code"]) == ("QUEUED", code)
    assert idle.states("t1") == ["QUEUED"]


async def test_refuse_does_not_tell_one_robot_of_anothers_task(idle: Hall) -> None:
    await idle.submit("t1")
    fault = problem(ProblemCode.INVALID_STATE_TRANSITION)
    await idle.planner.refuse(fault, Origin("robot-2"), "t1")
    *_, event = [one.event for one in idle.journal.log.values()]
    told = TaskStatus.model_validate_json(event.payload)
    assert (event.robot_id, told.task_id, told.status) == ("robot-2", "t1", TaskState.REJECTED)


@pytest.mark.parametrize("is_control", [True, False])
async def test_refusal_of_a_stranger_is_no_news_of_the_task_that_it_names(
    idle: Hall, *, is_control: bool
) -> None:
    await idle.submit("t1")
    fault = problem(ProblemCode.DUPLICATE_CONFLICT)
    await idle.planner.refuse(fault, Origin("robot-2"), "t1", is_control=is_control)
    assert [one.event.kind for one in idle.log("t1")] == [EventKind.STATUS]


async def test_report_tells_what_no_robot_can_be_told(idle: Hall) -> None:
    asker = Reply("replies/me", b"7")
    await idle.planner.report(problem(ProblemCode.SCHEMA_INVALID, {"topic": "x"}), asker)
    (event,) = [one.event for one in idle.journal.log.values()]
    assert (event.kind, event.task_id, event.robot_id) == (EventKind.ERROR, None, None)
    assert event.reply == asker
    told = ErrorReport.model_validate_json(event.payload)
    assert (told.code, told.schema_version) == (ProblemCode.SCHEMA_INVALID, SCHEMA_VERSION)
    assert (told.node_id, told.references[0].value) == ("planner-1", "x")
