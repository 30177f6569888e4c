"""An OpenAPI document that says what the routes really take and answer.

Bodies are decoded by the routes themselves (strictly, with typed refusals), so their schemas are
named here instead of being guessed by the framework from parameters.
"""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from messages.problem import ProblemCode, problem
from planner_node.api.control import AnswerBody, CancelBody, PriorityBody, ReplanBody
from planner_node.api.conversation import (
    GenerateRequest,
    GenerateWithFunctionRequest,
    unsaid_new_tokens,
)
from planner_node.api.ports import Limits
from planner_node.api.refusals import STATUS, ErrorAnswer, error_answer
from planner_node.api.sse import MEDIA_TYPE
from planner_node.api.views import TaskOrder

_REF: Final = "#/components/schemas/{model}"
_BODIES: Final[tuple[type[BaseModel], ...]] = (
    AnswerBody,
    CancelBody,
    GenerateRequest,
    GenerateWithFunctionRequest,
    PriorityBody,
    ReplanBody,
    TaskOrder,
)
_GENERATE: Final = ("GenerateRequest", "GenerateWithFunctionRequest")
_TOKENS: Final = frozenset({"max_new_tokens", "max_completion_tokens", "max_tokens"})
_ALWAYS: Final = (ProblemCode.UNAUTHORIZED, ProblemCode.INTERNAL, ProblemCode.MODEL_NOT_READY)
_FORBIDDEN: Final = "UNAUTHORIZED: a web page of another origin, or an unknown host name."
# One server-sent event, described as OpenAPI 3.2 does; readers of 3.1 pass it over.
_EVENT: Final = {
    "type": "object",
    "properties": {
        "event": {"type": "string"},
        "id": {"type": "string"},
        "retry": {"type": "integer"},
        "data": {"type": "string"},
    },
}
_WITH_BODY: Final = (
    ProblemCode.MALFORMED_JSON,
    ProblemCode.PAYLOAD_TOO_LARGE,
    ProblemCode.SCHEMA_INVALID,
    ProblemCode.UNSUPPORTED_VERSION,
)


def body(
    model: type[BaseModel], examples: Mapping[str, object] | None = None, *, required: bool = True
) -> dict[str, Any]:
    """Return the part of an operation that describes its JSON body."""
    content: dict[str, Any] = {"schema": {"$ref": _REF.format(model=model.__name__)}}
    if examples:
        content["examples"] = {name: {"value": value} for name, value in examples.items()}
    return {"requestBody": {"required": required, "content": {"application/json": content}}}


def answers(
    *codes: ProblemCode, takes_body: bool = False, events: str = "", example: object = None
) -> dict[int | str, dict[str, Any]]:
    """Return every answer of a route: its refusals by status, and how a success looks."""
    found: dict[HTTPStatus, list[ProblemCode]] = {}
    for code in (*(_WITH_BODY if takes_body else ()), *codes, *_ALWAYS):
        found.setdefault(STATUS[code], []).append(code)
    described: dict[int | str, dict[str, Any]] = {
        int(status): _refusal(listed) for status, listed in sorted(found.items())
    }
    described[int(HTTPStatus.FORBIDDEN)] = {"model": ErrorAnswer, "description": _FORBIDDEN}
    if success := _success(events, example):
        described[int(HTTPStatus.OK)] = {"content": success}
    return described


def _success(events: str, example: object) -> dict[str, Any]:
    content: dict[str, Any] = {}
    if example is not None:
        content["application/json"] = {"example": example}
    if events:
        content[MEDIA_TYPE] = {"itemSchema": {**_EVENT, "description": events}}
    return content


def _refusal(codes: Iterable[ProblemCode]) -> dict[str, Any]:
    listed = list(dict.fromkeys(codes))
    examples = {
        code.value: {"value": error_answer(problem(code)).model_dump(mode="json")}
        for code in listed
    }
    return {
        "model": ErrorAnswer,
        "description": ", ".join(listed),
        "content": {"application/json": {"examples": examples}},
    }


class Service(FastAPI):
    """FastAPI with the schemas of the bodies and the limits of the settings in its document."""

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            document = super().openapi()
            components = document.setdefault("components", {})
            components.setdefault("schemas", {}).update(_body_schemas(self.state.hall.limits))
            components["securitySchemes"] = {
                "bearer": {"type": "http", "scheme": "bearer"},
                "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            }
            document["security"] = [{}, {"bearer": []}, {"key": []}]
            self.openapi_schema = document
        return self.openapi_schema


def _body_schemas(limits: Limits) -> dict[str, Any]:
    _, document = models_json_schema(
        [(model, "validation") for model in _BODIES], ref_template=_REF
    )
    schemas: dict[str, Any] = document["$defs"]
    limit_tokens = limits.generation.max_new_tokens_limit
    unsaid = f"{unsaid_new_tokens(limit_tokens)} where none of its three names is given."
    for name in _GENERATE:
        schemas[name]["properties"]["max_new_tokens"]["description"] = unsaid
    for name in (*_GENERATE, "GenerationOptions"):
        for field in _TOKENS & schemas[name]["properties"].keys():
            tokens, _null = schemas[name]["properties"][field]["anyOf"]
            tokens["maximum"] = limit_tokens
    return schemas
