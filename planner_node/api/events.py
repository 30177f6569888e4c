"""A task as server-sent events: the state so far, then live, until its terminal status."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Header, Query
from starlette.responses import Response

from messages.problem import ProblemCode
from planner_node.api.access import HallOfApp
from planner_node.api.openapi import answers
from planner_node.api.ports import TaskPlanner
from planner_node.api.sse import EventStream, format_sse_event
from planner_node.api.tasks import TaskId
from planner_node.tasks.record import StoredEvent

router = APIRouter(prefix="/tasks", tags=["tasks"])

RETRY_MS: Final = 2_000
_EVENTS: Final = (
    "Events `status` (TaskStatus), `subtask` (SubtaskEvent), `plan` (SubtaskList) and `notice`; "
    "`data` is the message's JSON, `id` grows and resumes the stream as `Last-Event-ID`. "
    "Comment lines keep a quiet stream open. Ends after the terminal status."
)
EventId = Annotated[int | None, Header(alias="Last-Event-ID", ge=0, le=2**63 - 1)]
EventIdInQuery = Annotated[
    int | None,
    Query(ge=0, le=2**63 - 1, description="As the header, for clients that cannot set it."),
]


@router.get(
    "/{task_id}/events",
    summary="Follow a task live · 即時追蹤任務",
    response_class=Response,
    responses={
        **answers(ProblemCode.TASK_NOT_FOUND, ProblemCode.SCHEMA_INVALID, events=_EVENTS),
        204: {"description": "The task has ended and every event was seen: do not reconnect."},
    },
)
async def events(
    task_id: TaskId,
    hall: HallOfApp,
    last_event_id: EventId = None,
    after: EventIdInQuery = None,
) -> Response:
    """Send everything that happened to the task after `Last-Event-ID`, then what happens."""
    parts = hall.parts
    seen = last_event_id if last_event_id is not None else after or 0
    record = await parts.planner.task(task_id)
    if record.finished is not None and seen and await _is_over(parts.planner, task_id, seen):
        return Response(status_code=HTTPStatus.NO_CONTENT)
    return EventStream(_told(parts.planner, task_id, seen), parts.closing)


async def _is_over(planner: TaskPlanner, task_id: str, seen: int) -> bool:
    """Say whether nothing is left to tell; 204 is how a browser learns not to come again."""
    async with aclosing(planner.watch(task_id, seen)) as stored:
        return await anext(stored, None) is None


async def _told(planner: TaskPlanner, task_id: str, seen: int) -> AsyncGenerator[bytes, None]:
    yield f"retry: {RETRY_MS}\n\n".encode()
    async with aclosing(planner.watch(task_id, seen)) as stored_events:
        async for stored in stored_events:
            yield _line(stored)


def _line(stored: StoredEvent) -> bytes:
    return format_sse_event(
        event=stored.event.kind.lower(),
        data_str=stored.event.payload.decode(),
        id=str(stored.event_id),
    )
