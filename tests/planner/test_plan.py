"""A task's good way: submitted, planned subtask by subtask, told whole."""

from math import inf

import pytest

from messages.plan import SubtaskEvent, SubtaskList
from messages.status import TaskStatus
from planner_node.completion.request import NamedTool
from planner_node.planner.handlers import Planned, ToolRegistry
from planner_node.tasks.record import EventKind, Origin, Reply
from tests.fakes.completion import SEED_PLAN, Script, ScriptedCompleter, plan_call, tool_call
from tests.fakes.hall import ROBOT, Hall, HallMaker

FIRST_SUBTASK_CHARS = len(plan_call(SEED_PLAN[0]))


async def test_a_task_goes_from_queued_to_planned(hall: Hall) -> None:
    await hall.submit("t1")
    await hall.until("t1", "PLANNED")
    assert hall.states("t1") == ["QUEUED", "PLANNING", "PLANNED"]


async def test_each_status_is_one_version_on_and_knows_the_one_before(hall: Hall) -> None:
    await hall.submit("t1")
    await hall.until("t1", "PLANNED")
    told = hall.said("t1", EventKind.STATUS)
    assert [one["status_version"] for one in told] == [1, 2, 3]
    assert [one["previous_status"] for one in told] == [None, "QUEUED", "PLANNING"]


async def test_the_last_status_echoes_the_command_and_tells_every_time(hall: Hall) -> None:
    await hall.submit("t1", requester="nurse", labels=["night", "ward-3"])
    await hall.until("t1", "PLANNED")
    status = TaskStatus.model_validate(hall.said("t1", EventKind.STATUS)[-1])
    assert (status.node_id, status.task_id, status.robot_id) == ("planner-1", "t1", ROBOT)
    assert (status.requester, status.labels) == ("nurse", ["night", "ward-3"])
    assert (status.revision, status.problem) == (0, None)
    times = status.times
    assert times.received <= (times.queued or times.received)
    assert None not in {times.queued, times.started, times.finished}


async def test_all_that_is_said_of_a_task_echoes_what_its_command_brought(hall: Hall) -> None:
    echo = Reply("desk/7", b"7", (("traceparent", "t"),))
    await hall.submit_as(Origin(ROBOT, reply=echo), "t1")
    await hall.until("t1", "PLANNED")
    assert EventKind.SUBTASK in {one.event.kind for one in hall.log("t1")}
    assert {one.event.reply for one in hall.log("t1")} == {echo}


async def test_progress_counts_the_subtasks(hall: Hall) -> None:
    await hall.submit("t1")
    await hall.until("t1", "PLANNED")
    told = [one["progress"] for one in hall.said("t1", EventKind.STATUS)]
    assert told == [None, {"done": 0, "total": None}, {"done": 4, "total": 4}]


async def test_the_stream_tells_each_subtask_and_then_the_end(hall: Hall) -> None:
    await hall.submit("t1")
    await hall.until("t1", "PLANNED")
    lines = [SubtaskEvent.model_validate(one) for one in hall.said("t1", EventKind.SUBTASK)]
    assert [line.type for line in lines] == ["SUBTASK_ADDED"] * 4 + ["PLAN_COMPLETED"]
    assert [(one.subtask.task, one.subtask.description) for one in lines if one.subtask] == [
        *SEED_PLAN
    ]
    assert lines[-1].total == 4


async def test_a_subtask_is_told_before_the_model_writes_the_next(open_hall: HallMaker) -> None:
    script = Script(hold_after=FIRST_SUBTASK_CHARS)
    hall = await open_hall(Hall(ScriptedCompleter(default=script)))
    await hall.submit("t1")
    await script.held.wait()
    told = hall.said("t1", EventKind.SUBTASK)
    assert [one["subtask"]["task"] for one in told] == ["找到書本"]
    assert hall.states("t1") == ["QUEUED", "PLANNING"]


async def test_the_plan_holds_what_the_stream_told(hall: Hall) -> None:
    await hall.submit("t1")
    await hall.until("t1", "PLANNED")
    plan = SubtaskList.model_validate(hall.said("t1", EventKind.PLAN)[0])
    streamed = [one["subtask"] for one in hall.said("t1", EventKind.SUBTASK) if one["subtask"]]
    assert [one.model_dump(mode="json") for one in plan.tasks] == streamed
    assert plan.language == "zh-TW"


async def test_the_plan_tells_how_it_was_made(hall: Hall) -> None:
    await hall.submit("t1", generation={"seed": 7})
    await hall.until("t1", "PLANNED")
    made = SubtaskList.model_validate(hall.said("t1", EventKind.PLAN)[0]).generation
    assert (made.model, made.quantization, made.seed, made.attempts) == ("scripted", "none", 7, 1)
    assert 0.0 <= (made.first_subtask_ms or -1.0) <= made.latency_ms


async def test_the_end_is_told_in_one_transaction_with_the_status_last(hall: Hall) -> None:
    batches: list[list[EventKind]] = []
    hall.journal.listen(lambda news: batches.append([one.event.kind for one in news]))
    await hall.submit("t1")
    await hall.until("t1", "PLANNED")
    assert batches[-1] == [EventKind.SUBTASK, EventKind.PLAN, EventKind.STATUS]


async def test_payloads_are_chinese_unescaped(hall: Hall) -> None:
    await hall.submit("t1")
    await hall.until("t1", "PLANNED")
    plan = next(one for one in hall.log("t1") if one.event.kind is EventKind.PLAN)
    assert "找到書本".encode() in plan.event.payload


@pytest.mark.parametrize(
    ("instruction", "language"),
    [("Put the book on the side table.", "en"), ("將書本放在側桌上。", "zh-TW")],
)
async def test_the_language_is_the_instructions(
    hall: Hall, instruction: str, language: str
) -> None:
    await hall.submit("t1", instruction=instruction)
    record = await hall.until("t1", "PLANNED")
    assert record.language == language


async def test_the_language_is_the_one_asked_for(hall: Hall) -> None:
    await hall.submit("t1", instruction="Put the book away.", language="zh-TW")
    record = await hall.until("t1", "PLANNED")
    assert record.language == "zh-TW"


async def test_the_model_is_asked_with_the_commands_options(open_hall: HallMaker) -> None:
    completer = ScriptedCompleter()
    hall = await open_hall(Hall(completer))
    options = {"max_new_tokens": 999, "temperature": 0.5, "top_p": 0.9, "seed": 3}
    await hall.submit("t1", generation=options)
    await hall.until("t1", "PLANNED")
    asked = completer.requests[0]
    told = (asked.max_new_tokens, asked.temperature, asked.top_p, asked.seed)
    assert told == (999, 0.5, 0.9, 3)
    assert asked.timeout_s == hall.generation.timeout_s


async def test_the_model_may_plan_ask_or_decline(open_hall: HallMaker) -> None:
    completer = ScriptedCompleter()
    hall = await open_hall(Hall(completer))
    await hall.submit("t1")
    await hall.until("t1", "PLANNED")
    offered = [tool.name for tool in completer.requests[0].tools]
    assert offered == ["decompose_task", "ask_clarification", "decline_task"]


async def test_a_tool_by_name_is_the_only_answer(open_hall: HallMaker) -> None:
    completer = ScriptedCompleter(
        default=Script(tool_call("decline_task", {"reason_code": "UNSAFE", "reason": "no"}))
    )
    settings = Hall().settings.model_copy(update={"answers": ["decompose_task"]})
    hall = await open_hall(Hall(completer, settings=settings))
    await hall.submit("t1", tool="decline_task")
    await hall.until("t1", "DECLINED")
    assert completer.requests[0].tool_choice == NamedTool("decline_task")


async def test_a_tool_with_its_own_function_is_told_after_the_function(
    open_hall: HallMaker,
) -> None:
    def doubled(arguments: object) -> Planned:
        return Planned(({"task": "one"}, {"task": "two"}))

    hall = await open_hall(Hall(handlers=ToolRegistry({"decompose_task": doubled})))
    await hall.submit("t1")
    await hall.until("t1", "PLANNED")
    plan = SubtaskList.model_validate(hall.said("t1", EventKind.PLAN)[0])
    streamed = [one["seq"] for one in hall.said("t1", EventKind.SUBTASK)]
    assert [one.task for one in plan.tasks] == ["one", "two"]
    assert streamed == [0, 1, None]


async def test_the_load_is_counted(open_hall: HallMaker) -> None:
    script = Script(hold_after=0)
    hall = await open_hall(Hall(ScriptedCompleter(default=script)))
    await hall.submit("t1")
    await hall.submit("t2")
    await script.held.wait()
    assert (hall.planner.load.running, hall.planner.load.queue_depth) == (1, 1)


async def test_the_wait_for_the_first_subtask_is_counted_once_a_plan(hall: Hall) -> None:
    await hall.submit("t1")
    await hall.until("t1", "PLANNED")
    waits = hall.planner.first_subtasks
    assert waits.buckets()[-1] == (inf, 1)
    assert waits.sum_s >= 0.0
