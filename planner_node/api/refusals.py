"""Every refusal of the HTTP door: one table from problem code to status, one shape of body."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Final

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from messages.decode import Refused, said_of_field
from messages.problem import Problem, ProblemCode, problem
from planner_node.api.language import wanted_language
from planner_node.api.presence import ClientGone
from planner_node.errors import ModelNotReady, NodeBroken, PlannerError

_log = logging.getLogger(__name__)

STATUS: Final[Mapping[ProblemCode, HTTPStatus]] = {
    ProblemCode.MALFORMED_JSON: HTTPStatus.BAD_REQUEST,
    ProblemCode.SCHEMA_INVALID: HTTPStatus.UNPROCESSABLE_ENTITY,
    ProblemCode.UNSUPPORTED_VERSION: HTTPStatus.UNPROCESSABLE_ENTITY,
    ProblemCode.UNSUPPORTED_CONSTRAINT: HTTPStatus.UNPROCESSABLE_ENTITY,
    ProblemCode.IDENTITY_MISMATCH: HTTPStatus.UNPROCESSABLE_ENTITY,
    ProblemCode.PAYLOAD_TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    ProblemCode.RETAINED_COMMAND: HTTPStatus.UNPROCESSABLE_ENTITY,
    ProblemCode.DUPLICATE_CONFLICT: HTTPStatus.CONFLICT,
    ProblemCode.TASK_NOT_FOUND: HTTPStatus.NOT_FOUND,
    ProblemCode.INVALID_STATE_TRANSITION: HTTPStatus.CONFLICT,
    ProblemCode.QUEUE_FULL: HTTPStatus.TOO_MANY_REQUESTS,
    ProblemCode.RATE_LIMITED: HTTPStatus.TOO_MANY_REQUESTS,
    ProblemCode.EXPIRED: HTTPStatus.UNPROCESSABLE_ENTITY,
    ProblemCode.DEADLINE_EXCEEDED: HTTPStatus.GATEWAY_TIMEOUT,
    ProblemCode.NOT_A_TASK: HTTPStatus.UNPROCESSABLE_ENTITY,
    ProblemCode.AMBIGUOUS: HTTPStatus.UNPROCESSABLE_ENTITY,
    ProblemCode.UNSAFE: HTTPStatus.UNPROCESSABLE_ENTITY,
    ProblemCode.IMPOSSIBLE: HTTPStatus.UNPROCESSABLE_ENTITY,
    ProblemCode.NO_CAPABLE_ROBOT: HTTPStatus.UNPROCESSABLE_ENTITY,
    ProblemCode.UNKNOWN_TOOL: HTTPStatus.UNPROCESSABLE_ENTITY,
    ProblemCode.UNSUPPORTED_SCHEMA: HTTPStatus.UNPROCESSABLE_ENTITY,
    ProblemCode.CONTEXT_TOO_LONG: HTTPStatus.UNPROCESSABLE_ENTITY,
    ProblemCode.MODEL_NOT_READY: HTTPStatus.SERVICE_UNAVAILABLE,
    ProblemCode.OUT_OF_MEMORY: HTTPStatus.SERVICE_UNAVAILABLE,
    ProblemCode.GENERATION_TIMEOUT: HTTPStatus.GATEWAY_TIMEOUT,
    # The request asks for more than its own max_new_tokens allow: the client can mend it.
    ProblemCode.OUTPUT_TRUNCATED: HTTPStatus.UNPROCESSABLE_ENTITY,
    ProblemCode.PLAN_INVALID: HTTPStatus.UNPROCESSABLE_ENTITY,
    ProblemCode.REPLAN_LIMIT: HTTPStatus.CONFLICT,
    ProblemCode.UNAUTHORIZED: HTTPStatus.UNAUTHORIZED,
    # Not 501: what a client asks for must never look like a fault of the node.
    ProblemCode.NOT_ENABLED: HTTPStatus.UNPROCESSABLE_ENTITY,
    ProblemCode.NOT_FOUND: HTTPStatus.NOT_FOUND,
    ProblemCode.METHOD_NOT_ALLOWED: HTTPStatus.METHOD_NOT_ALLOWED,
    ProblemCode.INTERNAL: HTTPStatus.INTERNAL_SERVER_ERROR,
}
RETRY_AFTER_S: Final[Mapping[HTTPStatus, int]] = {
    HTTPStatus.TOO_MANY_REQUESTS: 2,
    HTTPStatus.SERVICE_UNAVAILABLE: 5,
}
# Of whatever runs when the node stops and the server has waited long enough for it.
STOPPED: Final = ModelNotReady("the engine was stopped").problem
_OF_THE_FRAMEWORK: Final = {
    HTTPStatus.NOT_FOUND: ProblemCode.NOT_FOUND,
    HTTPStatus.METHOD_NOT_ALLOWED: ProblemCode.METHOD_NOT_ALLOWED,
}
CLIENT_CLOSED_REQUEST: Final = 499  # nginx's number; nobody is there to read it
_MAX_NAMED_FIELDS: Final = 16


class ErrorAnswer(BaseModel):
    """The body of every answer that is not a success."""

    model_config = ConfigDict(extra="forbid")

    problem: Problem
    detail: str = Field(
        description="The problem in one line, in the language of Accept-Language (en or zh-TW)."
    )


def status_of(error: Exception) -> HTTPStatus:
    """Return the HTTP status of an error; what breaks the node is 503, not the client's doing."""
    if isinstance(error, NodeBroken):
        return HTTPStatus.SERVICE_UNAVAILABLE
    return STATUS[problem_of(error).code]


def problem_of(error: Exception) -> Problem:
    """Return an error as the problem that the client reads."""
    match error:
        case PlannerError():
            return error.problem
        case Refused():
            return problem(error.code, error.references)
        case RequestValidationError():
            return problem(ProblemCode.SCHEMA_INVALID, _named_fields(error))
        case _:
            return problem(ProblemCode.INTERNAL)


def answer(
    found: Problem,
    status: HTTPStatus,
    accept_language: str = "",
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Build the response to a refused request."""
    body = error_answer(found, accept_language)
    extra = {**(headers or {}), **advice(found, status)}
    return Response(body.model_dump_json(), status, extra, "application/json")


def error_answer(found: Problem, accept_language: str = "") -> ErrorAnswer:
    """Return the body of a refusal."""
    return ErrorAnswer(problem=found, detail=detail_of(found, accept_language))


def detail_of(found: Problem, accept_language: str = "") -> str:
    """Return the problem in one line: what, where, and the reason where there is one."""
    facts = {fact.key: fact.value for fact in found.references}
    description = found.description
    language = wanted_language(accept_language)
    for translation in found.translations:
        if translation.language == language:
            description = translation.description
            facts |= {fact.key: fact.value for fact in translation.references}
    return " ".join([description, *_told(facts)])


def _told(facts: Mapping[str, str]) -> Iterator[str]:
    """Yield a field before what is said of it: "/robot_id is required"."""
    for key, value in sorted(facts.items(), key=lambda fact: fact[0] != "field"):
        if key in {"reason", "field"}:
            yield value
        elif key.startswith("/"):
            yield f"{key}: {value}"


def advice(found: Problem, status: HTTPStatus) -> dict[str, str]:
    """Return the headers that say what to do: when to come again, or how to say who one is."""
    if status is HTTPStatus.UNAUTHORIZED:
        return {"WWW-Authenticate": "Bearer"}
    if status not in RETRY_AFTER_S:
        return {}
    told = [r.value for r in found.references if r.key == "retry_after_s"]
    return {"Retry-After": told[0] if told else str(RETRY_AFTER_S[status])}


def install(app: FastAPI) -> None:
    """Make every error of the application answer in the one shape."""
    for kind in (PlannerError, Refused, RequestValidationError):
        app.add_exception_handler(kind, _on_error)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(ClientGone, _on_client_gone)


async def _on_error(request: Request, error: Exception) -> Response:
    status = status_of(error)
    if status is HTTPStatus.INTERNAL_SERVER_ERROR or isinstance(error, NodeBroken):
        _log.error("! %s %s: %s", request.method, request.url.path, error, exc_info=error)
    return answer(problem_of(error), status, request.headers.get("accept-language", ""))


async def _on_http_exception(request: Request, error: Exception) -> Response:
    """Answer for the framework itself: no such page, or not by this method."""
    if not isinstance(error, HTTPException):
        raise error
    status = HTTPStatus(error.status_code)
    facts = {"method": request.method, "path": request.url.path}
    if error.detail != status.phrase:
        facts["reason"] = error.detail
    found = problem(_OF_THE_FRAMEWORK.get(status, ProblemCode.INTERNAL), facts)
    headers = dict(error.headers or {})
    if status is HTTPStatus.METHOD_NOT_ALLOWED and (allowed := _allowed(request)):
        headers["Allow"] = ", ".join(allowed)
    return answer(found, status, request.headers.get("accept-language", ""), headers)


def _allowed(request: Request) -> list[str]:
    """Return every method of this path; the framework names only the first route's."""
    routes: Sequence[APIRoute] = request.app.state.routes
    fitting = [route for route in routes if route.path_regex.match(request.url.path)]
    return sorted({method for route in fitting for method in route.methods or ()})


async def _on_client_gone(request: Request, error: Exception) -> Response:
    del error
    _log.info("⊘ %s %s: the client left", request.method, request.url.path)
    return Response(status_code=CLIENT_CLOSED_REQUEST)


def _named_fields(error: RequestValidationError) -> dict[str, str]:
    return {
        "/" + "/".join(str(part) for part in detail["loc"]): said_of_field(detail["msg"])
        for detail in error.errors()[:_MAX_NAMED_FIELDS]
    }
