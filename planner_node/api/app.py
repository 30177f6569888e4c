"""The application: routes, guards and errors, put together.

The node serves it beside MQTT through ``create_app``. ``uvicorn planner_node.api.app:app`` serves
the same without a broker, as ``alone`` tells.
"""

import logging
from collections.abc import Iterable
from typing import Final

from fastapi.routing import APIRoute, APIRouter
from prometheus_client import CollectorRegistry
from starlette.types import Lifespan

from planner_node import __version__
from planner_node.api import console, docs, events, generate, health, refusals, schemas, tasks
from planner_node.api.alone import lifespan_of
from planner_node.api.guard import Guard
from planner_node.api.limits import is_open
from planner_node.api.metrics import HouseCollector, HttpMetrics
from planner_node.api.openapi import Service
from planner_node.api.ports import ApiParts, Hall, Limits
from planner_node.api.surface import Surface
from planner_node.settings import HttpSettings

_log = logging.getLogger(__name__)

_DESCRIPTION: Final = """
Robots get tasks in words and answer with subtasks. 以自然語言交付任務，取得結構化的子任務。

Every refusal has the body `{problem, detail}`: `problem.code` says what, `problem.hint` what to do,
`problem.translations` the same in zh-TW. Any route may answer 401 or 403 (access), 500 and 503.
The same tasks travel over MQTT: see `/asyncapi.json`.
"""
_TAGS: Final = [
    {"name": "generate", "description": "A conversation in, text or a tool call out."},
    {"name": "tasks", "description": "Tasks for robots, the same as over MQTT."},
    {"name": "node", "description": "How the node fares."},
    {"name": "contract", "description": "The wire contract for machines."},
]


def create_app(parts: ApiParts, limits: Limits) -> Service:
    """Make the application of a built node."""
    warn_if_open(limits.http, has_keys=bool(limits.keys))
    return assemble(Hall(limits, built=parts))


def create_app_alone() -> Service:
    """Make the application that builds its own node, without a broker, when it is started."""
    hall = Hall(Limits())
    return assemble(hall, lifespan_of(hall))


def warn_if_open(settings: HttpSettings, *, has_keys: bool) -> None:
    """Say it loudly when anyone on the network may command the robots."""
    if is_open(settings, has_keys=has_keys):
        _log.warning(
            "! HTTP listens on %s without API keys: anyone who reaches it commands the robots. "
            "Set PLANNER__HTTP__API_KEYS or http.api_keys_file, or listen on 127.0.0.1.",
            settings.host,
        )


def assemble(hall: Hall, lifespan: Lifespan[Service] | None = None) -> Service:
    """Put routes, errors and guards around ``hall``, which may still be empty."""
    app = Service(
        title="Robot task planner node",
        version=__version__,
        description=_DESCRIPTION,
        openapi_tags=_TAGS,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    registry = CollectorRegistry(auto_describe=False)
    registry.register(HouseCollector(hall))
    app.state.hall = hall
    app.state.registry = registry
    rooms = (generate, tasks, events, health, schemas, console, docs)
    routers = [room.router for room in rooms]
    routers.append(_heads(room.router for room in rooms if room is not events))  # no end, no HEAD
    for router in routers:
        app.include_router(router)
    app.state.routes = [route for router in routers for route in _routes(router)]
    docs.mount(app)
    refusals.install(app)
    # The last one added is the outermost.
    app.add_middleware(Guard, hall=hall)
    app.add_middleware(Surface)
    app.add_middleware(HttpMetrics, registry=registry)
    return app


def _heads(routers: Iterable[APIRouter]) -> APIRouter:
    """Return a HEAD for every GET (RFC 9110 §9.1); the server keeps the body back."""
    heads = APIRouter()
    for route in (route for router in routers for route in _routes(router)):
        if "GET" in (route.methods or ()):
            heads.add_api_route(
                route.path, route.endpoint, methods=["HEAD"], include_in_schema=False
            )
    return heads


def _routes(router: APIRouter) -> list[APIRoute]:
    return [route for route in router.routes if isinstance(route, APIRoute)]


app = create_app_alone()
