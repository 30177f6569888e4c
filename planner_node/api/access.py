"""How routes reach the house, and how they answer with a message."""

from http import HTTPStatus
from typing import Annotated

from fastapi import Depends
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from planner_node.api.ports import Hall


async def _hall(request: Request) -> Hall:
    hall = request.app.state.hall
    if not isinstance(hall, Hall):
        raise TypeError("the application was not made by create_app")
    return hall


HallOfApp = Annotated[Hall, Depends(_hall)]


def json_answer(
    message: BaseModel,
    status: HTTPStatus = HTTPStatus.OK,
    *,
    only_set: bool = False,
    headers: dict[str, str] | None = None,
) -> Response:
    """Answer with a message; Chinese is not escaped."""
    body = message.model_dump_json(exclude_unset=only_set)
    return Response(body, status, headers, "application/json")
