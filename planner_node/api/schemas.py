"""The wire contract for machines: JSON Schemas one by one, and the AsyncAPI document."""

import asyncio
from typing import Any, Final

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from messages.problem import ProblemCode
from messages.schemas import MESSAGES, json_schema
from planner_node.api.access import HallOfApp
from planner_node.api.asyncapi import rendered
from planner_node.api.openapi import answers
from planner_node.api.refusals import ErrorAnswer

router = APIRouter(tags=["contract"])

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_UNKNOWN: Final[dict[int | str, dict[str, Any]]] = {
    **answers(ProblemCode.SCHEMA_INVALID),
    404: {"model": ErrorAnswer, "description": "No message has this name."},
}


@router.get(
    "/schemas",
    summary="All messages · 訊息格式列表",
    response_model=dict[str, str],
    responses=answers(),
)
async def schemas() -> Response:
    """Answer with the name of every message and where its JSON Schema is."""
    return JSONResponse({name: f"/schemas/{name}" for name in MESSAGES})


@router.get(
    "/schemas/{name}",
    summary="One message's JSON Schema · 單一訊息格式",
    response_model=dict[str, Any],
    responses=_UNKNOWN,
)
async def schema(name: str) -> Response:
    """Answer with the JSON Schema of one message."""
    if name not in MESSAGES:
        raise HTTPException(404, f"no message is called {name!r}; see /schemas")
    identity = {"$schema": _DIALECT, "$id": f"/schemas/{name}"}
    return JSONResponse({**identity, **json_schema(name)})


@router.get(
    "/asyncapi.json",
    summary="The MQTT side as AsyncAPI 3.0 · MQTT 介面文件",
    response_model=dict[str, Any],
    responses=answers(),
)
async def asyncapi(hall: HallOfApp) -> Response:
    """Answer with topics, messages and schemas of the MQTT door."""
    body = await asyncio.to_thread(rendered, hall.limits.mqtt_root)
    return Response(body, media_type="application/json")
