"""Whether the node lives, whether it can work, and how it fares."""

from http import HTTPStatus
from typing import Any, Final

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from pydantic import BaseModel, ConfigDict
from starlette.requests import Request
from starlette.responses import Response

from messages.problem import Problem, ProblemCode, problem
from messages.status import NodeInfo
from planner_node.api.access import HallOfApp, json_answer
from planner_node.api.openapi import answers
from planner_node.api.refusals import advice, detail_of

router = APIRouter(tags=["node"])


class Alive(BaseModel):
    """The event loop turns."""

    model_config = ConfigDict(extra="forbid")

    status: str


class ReadyCheck(BaseModel):
    """One condition: the model, the broker, the journal."""

    model_config = ConfigDict(extra="forbid")

    name: str
    ready: bool
    reason: str


class Readiness(BaseModel):
    """Ready when every condition is."""

    model_config = ConfigDict(extra="forbid")

    ready: bool
    checks: list[ReadyCheck]


class NotReady(Readiness):
    """The same, and as a refusal: each condition that fails is among the references."""

    problem: Problem
    detail: str


_NOT_READY: Final[dict[int | str, dict[str, Any]]] = {
    **answers(),
    503: {"model": NotReady, "description": "Not ready; the checks say why."},
}
_METRICS: Final = {
    **answers(),
    200: {"content": {"text/plain": {"schema": {"type": "string"}}}},
}


@router.get(
    "/healthz", summary="Is it alive? · 是否存活", response_model=Alive, responses=answers()
)
async def healthz() -> Response:
    """Answer as long as the process can answer at all."""
    return json_answer(Alive(status="ok"))


@router.get(
    "/readyz", summary="Can it work? · 是否就緒", response_model=Readiness, responses=_NOT_READY
)
async def readyz(request: Request, hall: HallOfApp) -> Response:
    """Answer 200 when model, journal and broker are ready, else 503 with the reasons."""
    checks = [ReadyCheck(name=c.name, ready=c.ready, reason=c.reason) for c in hall.checks()]
    if all(check.ready for check in checks):
        return json_answer(Readiness(ready=True, checks=checks))
    return _not_ready(checks, request.headers.get("accept-language", ""))


def _not_ready(checks: list[ReadyCheck], accept_language: str) -> Response:
    reasons = {f"/checks/{check.name}": check.reason for check in checks if not check.ready}
    found = problem(ProblemCode.MODEL_NOT_READY, reasons)
    detail = detail_of(found, accept_language)
    body = NotReady(ready=False, checks=checks, problem=found, detail=detail)
    status = HTTPStatus.SERVICE_UNAVAILABLE
    return json_answer(body, status, headers=advice(found, status))


@router.get(
    "/info",
    summary="What is this node? · 節點資訊",
    response_model=NodeInfo,
    responses=answers(ProblemCode.MODEL_NOT_READY),
)
async def info(hall: HallOfApp) -> Response:
    """Answer with the same NodeInfo that is retained on MQTT."""
    return json_answer(hall.parts.info())


@router.get(
    "/metrics",
    summary="Prometheus · 監控指標",
    response_class=Response,
    responses=_METRICS,
)
async def metrics(request: Request) -> Response:
    """Answer in Prometheus' text format."""
    registry: CollectorRegistry = request.app.state.registry
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)
