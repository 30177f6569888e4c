"""Every way a task can end other than well, each typed and told once."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from messages.problem import ProblemCode
from planner_node.completion.request import CompletionEvent, CompletionRequest, FinishReason
from planner_node.errors import (
    ConstraintBroken,
    ContextTooLong,
    EngineDied,
    GenerationTimeout,
    ModelNotReached,
    ModelNotReady,
    OutOfMemory,
    PlannerError,
    QueueFull,
    UnsupportedSchema,
)
from planner_node.planner.handlers import Planned, ToolRegistry
from planner_node.settings import GenerationSettings, PlannerSettings
from planner_node.tasks.record import EventKind
from tests.fakes.completion import (
    SEED_PLAN,
    TWO_SUBTASKS_CHARS,
    Script,
    ScriptedCompleter,
    plan_call,
    tool_call,
)
from tests.fakes.hall import Hall, HallMaker


def playing(script: Script) -> Hall:
    return Hall(ScriptedCompleter(default=script))


def problem_code(hall: Hall, task_id: str) -> str | None:
    problem = hall.said(task_id, EventKind.STATUS)[-1]["problem"]
    return problem["code"] if problem else None


async def code_of_failure(hall: Hall) -> str | None:
    """Hand in t1, which fails, and return the code that is told."""
    await hall.submit("t1")
    await hall.until("t1", "FAILED")
    return problem_code(hall, "t1")


def stream(hall: Hall, task_id: str) -> list[tuple[str, int | None]]:
    lines = hall.said(task_id, EventKind.SUBTASK)
    return [(line["type"], line["total"]) for line in lines]


async def test_a_cut_off_plan_fails_and_keeps_what_was_sent(open_hall: HallMaker) -> None:
    script = Script(plan_call(*SEED_PLAN)[:TWO_SUBTASKS_CHARS], FinishReason.LENGTH)
    hall = await open_hall(playing(script))
    assert await code_of_failure(hall) == ProblemCode.OUTPUT_TRUNCATED
    assert stream(hall, "t1") == [
        ("SUBTASK_ADDED", None),
        ("SUBTASK_ADDED", None),
        ("PLAN_FAILED", 2),
    ]
    assert hall.said("t1", EventKind.PLAN) == []


async def test_a_plan_that_fills_the_context_is_not_blamed_on_the_token_limit(
    open_hall: HallMaker,
) -> None:
    text = plan_call(*SEED_PLAN)[:TWO_SUBTASKS_CHARS]
    hall = await open_hall(playing(Script(text, FinishReason.LENGTH, context_tokens=2048)))
    assert await code_of_failure(hall) == ProblemCode.CONTEXT_TOO_LONG
    told = hall.said("t1", EventKind.STATUS)[-1]["problem"]["references"]
    assert {"key": "context_tokens", "value": "2048"} in told


async def test_the_last_word_of_a_failed_task_is_its_status(open_hall: HallMaker) -> None:
    hall = await open_hall(playing(Script(error=OutOfMemory("no room"))))
    await hall.submit("t1")
    await hall.until("t1", "FAILED")
    assert [one.event.kind for one in hall.log("t1")][-2:] == [EventKind.SUBTASK, EventKind.STATUS]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OutOfMemory("no room"), ProblemCode.OUT_OF_MEMORY),
        (GenerationTimeout("slow"), ProblemCode.GENERATION_TIMEOUT),
        (ContextTooLong("long"), ProblemCode.CONTEXT_TOO_LONG),
        (UnsupportedSchema("no"), ProblemCode.UNSUPPORTED_SCHEMA),
        (ConstraintBroken("no"), ProblemCode.INTERNAL),
    ],
)
async def test_an_error_of_the_model_fails_the_task_with_its_code(
    open_hall: HallMaker, error: PlannerError, code: ProblemCode
) -> None:
    hall = await open_hall(playing(Script("", error=error)))
    assert await code_of_failure(hall) == code


@pytest.mark.parametrize(
    "text", ["1. 找到書本。", plan_call(), plan_call(*[("go", "there")] * 3), '{"name": "x"']
)
async def test_an_answer_without_sense_fails_the_task(open_hall: HallMaker, text: str) -> None:
    hall = await open_hall(playing(Script(text, FinishReason.STOP)))
    assert await code_of_failure(hall) == ProblemCode.PLAN_INVALID


class Mute(ScriptedCompleter):
    """A model that never says a word, and ends only where it is told to."""

    def __init__(self, *, ends: bool) -> None:
        super().__init__()
        self.ends = ends

    async def stream(self, request: CompletionRequest) -> AsyncGenerator[CompletionEvent, None]:
        self.requests.append(request)
        if not self.ends:
            await asyncio.Event().wait()
        silence: list[CompletionEvent] = []
        for event in silence:
            yield event


async def test_an_answer_without_end_fails_the_task(open_hall: HallMaker) -> None:
    hall = await open_hall(Hall(Mute(ends=True)))
    assert await code_of_failure(hall) == ProblemCode.PLAN_INVALID


async def test_a_model_that_hangs_is_given_up(
    open_hall: HallMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("planner_node.planner.generation._GRACE_S", -0.99)
    hall = await open_hall(Hall(Mute(ends=False), generation=GenerationSettings(timeout_s=1)))
    assert await code_of_failure(hall) == ProblemCode.GENERATION_TIMEOUT


async def test_a_lost_model_is_tried_again_as_a_new_attempt(open_hall: HallMaker) -> None:
    script = Script(hold_after=TWO_SUBTASKS_CHARS, error=EngineDied("gone"))
    completer = ScriptedCompleter(default=script)
    hall = await open_hall(Hall(completer))
    await hall.submit("t1")
    await script.held.wait()
    completer.default = Script()
    script.gate.set()
    record = await hall.until("t1", "PLANNED")
    assert record.attempt == 2
    assert hall.states("t1") == ["QUEUED", "PLANNING", "QUEUED", "PLANNING", "PLANNED"]
    keys = [(one["attempt"], one["seq"]) for one in hall.said("t1", EventKind.SUBTASK)]
    assert len(set(keys)) == len(keys)
    assert keys[-1] == (2, None)


@pytest.mark.parametrize("error", [EngineDied("gone"), ModelNotReady("loading")])
async def test_a_model_that_stays_away_fails_the_task_in_the_end(
    open_hall: HallMaker, error: PlannerError
) -> None:
    completer = ScriptedCompleter(default=Script("", error=error))
    hall = await open_hall(Hall(completer, settings=PlannerSettings(max_attempts=2)))
    assert await code_of_failure(hall) == error.code
    assert len(completer.requests) == 2


@pytest.mark.parametrize("error", [QueueFull("256 requests wait"), ModelNotReached("no endpoint")])
async def test_a_model_that_did_not_begin_costs_no_attempt(
    open_hall: HallMaker, error: PlannerError
) -> None:
    completer = ScriptedCompleter(default=Script("", error=error))
    hall = await open_hall(Hall(completer, settings=PlannerSettings(max_attempts=1)))
    await hall.submit("t1")
    await hall.until_record("t1", lambda one: one.status_version >= 7)
    completer.default = Script()
    record = await hall.until("t1", "PLANNED")
    assert record.attempt == 1


async def test_a_refused_task_is_declined_in_the_users_language(open_hall: HallMaker) -> None:
    call = {"reason_code": "NOT_A_TASK", "reason": "這是問題，不是任務。"}
    hall = await open_hall(playing(Script(tool_call("decline_task", call))))
    await hall.submit("t1", instruction="燈是開著的嗎？")
    record = await hall.until("t1", "DECLINED")
    assert record.problem is not None
    assert record.problem.code is ProblemCode.NOT_A_TASK
    assert [(one.key, one.value) for one in record.problem.references] == [
        ("reason", "這是問題，不是任務。")
    ]
    assert stream(hall, "t1") == [("PLAN_FAILED", 0)]


async def test_an_unclear_task_asks(open_hall: HallMaker) -> None:
    call = {"question": "哪一本書？", "options": ["紅色的", "藍色的"]}
    hall = await open_hall(playing(Script(tool_call("ask_clarification", call))))
    await hall.submit("t1")
    await hall.until("t1", "INPUT_REQUIRED")
    status = hall.said("t1", EventKind.STATUS)[-1]
    assert status["question"]["text"] == "哪一本書？"
    assert status["question"]["options"] == ["紅色的", "藍色的"]
    assert status["problem"]["code"] == "AMBIGUOUS"
    assert status["times"]["finished"] is None


async def test_the_number_of_subtasks_is_limited_in_the_grammar(open_hall: HallMaker) -> None:
    completer = ScriptedCompleter(default=Script(plan_call(*SEED_PLAN[:2])))
    hall = await open_hall(Hall(completer))
    await hall.submit("t1", constraints={"max_subtasks": 2})
    await hall.until("t1", "PLANNED")
    properties = completer.requests[0].tools[0].parameters["properties"]
    assert isinstance(properties, dict)
    assert isinstance(properties["tasks"], dict)
    assert properties["tasks"]["maxItems"] == 2


async def test_more_subtasks_than_allowed_fail_the_task(open_hall: HallMaker) -> None:
    hall = await open_hall(playing(Script()))
    await hall.submit("t1", constraints={"max_subtasks": 3})
    await hall.until("t1", "FAILED")
    assert stream(hall, "t1") == [("SUBTASK_ADDED", None)] * 3 + [("PLAN_FAILED", 3)]


async def test_a_forbidden_subtask_is_never_told(open_hall: HallMaker) -> None:
    hall = await open_hall(playing(Script()))
    await hall.submit("t1", constraints={"forbidden": ["側桌"]})
    record = await hall.until("t1", "FAILED")
    told = [one["subtask"]["task"] for one in hall.said("t1", EventKind.SUBTASK) if one["subtask"]]
    assert told == ["找到書本", "拿起書本"]
    assert record.problem is not None
    assert ("forbidden", "側桌") in [(one.key, one.value) for one in record.problem.references]


async def test_allowed_skills_are_in_the_grammar_and_in_the_subtask(open_hall: HallMaker) -> None:
    tasks = [{"task": "go", "description": "there", "skill": "navigate"}]
    completer = ScriptedCompleter(default=Script(tool_call("decompose_task", {"tasks": tasks})))
    hall = await open_hall(Hall(completer))
    await hall.submit("t1", constraints={"allowed_skills": ["navigate", "grasp"]})
    await hall.until("t1", "PLANNED")
    assert hall.said("t1", EventKind.PLAN)[0]["tasks"][0]["skill"] == "navigate"
    assert '"enum": ["navigate", "grasp"]' in str(
        completer.requests[0].tools[0].parameters
    ).replace("'", '"')


async def test_a_function_that_breaks_fails_its_own_task_only(
    open_hall: HallMaker, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(arguments: object) -> Planned:
        raise RuntimeError("a bug of somebody's")

    scripts = {"bad": Script(tool_call("decline_task", {"reason_code": "UNSAFE", "reason": "x"}))}
    hall = await open_hall(
        Hall(ScriptedCompleter(scripts), handlers=ToolRegistry({"decline_task": broken}))
    )
    await hall.submit("t1", instruction="bad")
    await hall.submit("t2", instruction="good")
    await hall.until("t1", "FAILED")
    await hall.until("t2", "PLANNED")
    assert problem_code(hall, "t1") == ProblemCode.INTERNAL
    assert "a bug of somebody's" in caplog.text


async def test_a_function_that_answers_nonsense_fails_its_task(open_hall: HallMaker) -> None:
    def nonsense(arguments: object) -> Any:  # noqa: ANN401  that is the fault
        return {"tasks": []}

    hall = await open_hall(Hall(handlers=ToolRegistry({"decompose_task": nonsense})))
    assert await code_of_failure(hall) == ProblemCode.INTERNAL


async def test_the_log_tells_the_story_and_not_the_words(
    hall: Hall, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    await hall.submit("task-42", instruction="say the secret word")
    await hall.until("task-42", "PLANNED")
    lines = [one.getMessage() for one in caplog.records if one.name == "planner_node.planner"]
    assert [line.split(" robot=")[0].split(" attempt=")[0] for line in lines[:2]] == [
        "task-42 → queued priority=50",
        "task-42 → planning",
    ]
    assert lines[2].startswith("task-42 ← planned 4 subtasks ")
    assert "secret" not in caplog.text
