"""The task API: the same tasks as over MQTT, in one store, by one path."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Path, Query
from fastapi.types import DecoratedCallable
from starlette.requests import Request
from starlette.responses import Response

from messages.problem import ProblemCode
from messages.status import TaskStatus
from messages.task import TaskCommand
from messages.wire import ID_PATTERN
from planner_node.api.access import HallOfApp, json_answer
from planner_node.api.body import decode_body
from planner_node.api.control import ActionBody, AnswerBody, CancelBody, PriorityBody, ReplanBody
from planner_node.api.examples import TASK_REQUESTS
from planner_node.api.openapi import answers, body
from planner_node.api.ports import ApiParts, Hall
from planner_node.api.views import TaskOrder, TaskPage, TaskQuery, TaskView, view_of
from planner_node.errors import BadCommand
from planner_node.tasks.record import Origin, TaskRecord

router = APIRouter(prefix="/tasks", tags=["tasks"])
TaskId = Annotated[str, Path(pattern=ID_PATTERN, examples=["task-42"])]

_EMPTY: Final = b"{}"
_SUBMIT_CODES: Final = (
    ProblemCode.DUPLICATE_CONFLICT,
    ProblemCode.QUEUE_FULL,
    ProblemCode.RATE_LIMITED,
    ProblemCode.EXPIRED,
    ProblemCode.UNKNOWN_TOOL,
    ProblemCode.UNSUPPORTED_CONSTRAINT,
    ProblemCode.IDENTITY_MISMATCH,
    ProblemCode.CONTEXT_TOO_LONG,
    ProblemCode.NOT_ENABLED,
)
_CONTROL_CODES: Final = (
    ProblemCode.TASK_NOT_FOUND,
    ProblemCode.INVALID_STATE_TRANSITION,
    ProblemCode.NOT_ENABLED,
)
_LOCATION: Final = {"Location": {"description": "Where the task is.", "schema": {"type": "string"}}}


@router.post(
    "",
    summary="Give a robot a task · 交付任務",
    status_code=HTTPStatus.ACCEPTED,
    response_model=TaskView,
    responses={
        **answers(*_SUBMIT_CODES, takes_body=True),
        200: {
            "model": TaskView,
            "description": "The identical task was already here; nothing is planned twice.",
            "headers": _LOCATION,
        },
        202: {"description": "Accepted and journalled.", "headers": _LOCATION},
    },
    openapi_extra=body(TaskOrder, TASK_REQUESTS),
)
async def submit(request: Request, hall: HallOfApp) -> Response:
    """Accept a task for a robot; the plan comes on MQTT, by `/tasks/{task_id}` and by its events.

    The same `task_id` with the same content answers 200 with the stored task; with other content
    409 `DUPLICATE_CONFLICT`.
    """
    decoded = await decode_body(request, TaskCommand, hall.limits.http.max_body_bytes)
    command = decoded.message
    if command.robot_id is None and not command.robots:
        raise BadCommand(ProblemCode.SCHEMA_INVALID, **{"/robot_id": "Field required"})
    origin = Origin(command.robot_id, tuple(decoded.warnings))
    submission = await hall.parts.planner.submit(command, origin)
    status = HTTPStatus.ACCEPTED if submission.is_new else HTTPStatus.OK
    location = {"Location": f"/tasks/{submission.record.task_id}"}
    return json_answer(await _view(hall.parts, submission.record), status, headers=location)


@router.get(
    "",
    summary="Tasks, newest first · 任務列表",
    response_model=TaskPage,
    responses=answers(ProblemCode.SCHEMA_INVALID),
)
async def tasks(hall: HallOfApp, asked: Annotated[TaskQuery, Query()]) -> Response:
    """Answer with the tasks that fit every given filter."""
    planner = hall.parts.planner
    found = await planner.tasks(asked.filter)
    shown = [await planner.status_of(record) for record in found[: asked.limit]]
    after = str(found[asked.limit - 1].arrival) if len(found) > asked.limit else None
    return json_answer(TaskPage(tasks=shown, next_cursor=after))


@router.get(
    "/{task_id}",
    summary="One task, with its plan · 查詢任務",
    response_model=TaskView,
    responses=answers(ProblemCode.TASK_NOT_FOUND, ProblemCode.SCHEMA_INVALID),
)
async def task(task_id: TaskId, hall: HallOfApp) -> Response:
    """Answer with the task's status, its command and, once it is complete, its plan."""
    return json_answer(await _view(hall.parts, await hall.parts.planner.task(task_id)))


def _control_route(
    name: str, summary: str, action: type[ActionBody], *, required: bool = True
) -> Callable[[DecoratedCallable], DecoratedCallable]:
    """Make a function the route of one control of a task."""
    return router.post(
        f"/{{task_id}}/{name}",
        summary=summary,
        response_model=TaskStatus,
        responses=answers(*_CONTROL_CODES, takes_body=True),
        openapi_extra=body(action, required=required),
    )


@_control_route("cancel", "End a task · 取消任務", CancelBody, required=False)
async def cancel(task_id: TaskId, request: Request, hall: HallOfApp) -> Response:
    """End a task that has not ended; a running generation stops at its next step."""
    return await _control(task_id, request, hall, CancelBody)


@_control_route("answer", "Answer the node's question · 回答問題", AnswerBody)
async def answer(task_id: TaskId, request: Request, hall: HallOfApp) -> Response:
    """Answer the question of a task in INPUT_REQUIRED; it goes back into the queue."""
    return await _control(task_id, request, hall, AnswerBody)


@_control_route("replan", "Ask for a new plan · 重新規劃", ReplanBody, required=False)
async def replan(task_id: TaskId, request: Request, hall: HallOfApp) -> Response:
    """Ask for the plan's next revision; 422 `NOT_ENABLED` where the node does not track tasks."""
    return await _control(task_id, request, hall, ReplanBody)


@_control_route("reprioritize", "Move a waiting task in the queue · 調整優先順序", PriorityBody)
async def reprioritize(task_id: TaskId, request: Request, hall: HallOfApp) -> Response:
    """Give a task that waits another priority."""
    return await _control(task_id, request, hall, PriorityBody)


async def _control(
    task_id: str, request: Request, hall: Hall, action: type[ActionBody]
) -> Response:
    limit_bytes = hall.limits.http.max_body_bytes
    said = await decode_body(request, action, limit_bytes, empty=_EMPTY)
    control = said.message.control(task_id)
    planner = hall.parts.planner
    record = await planner.control(control, Origin(warnings=tuple(said.warnings)))
    return json_answer(await planner.status_of(record))


async def _view(parts: ApiParts, record: TaskRecord) -> TaskView:
    plan = await parts.planner.plan(record.task_id)
    return view_of(await parts.planner.status_of(record), record.command, plan)
