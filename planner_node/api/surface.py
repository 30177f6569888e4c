"""The outermost layer: security headers on every answer, and the last word where one is missing."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from messages.problem import Problem, ProblemCode, problem
from planner_node.api.policy import NOTHING
from planner_node.api.refusals import STATUS, STOPPED, answer

_log = logging.getLogger(__name__)

_HEADERS: Final[Mapping[str, str]] = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Surface:
    """ASGI middleware; pure, so that streams and disconnects pass untouched."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        reply = _Reply(send)
        try:
            await self._app(scope, receive, reply)
        except asyncio.CancelledError:  # the server stops, and has waited long enough
            if reply.started:
                raise
            await _refuse(STOPPED, scope, receive, reply)  # the last that this request does
        except Exception:
            _log.exception("! %s %s", scope["method"], scope["path"])
            if reply.started:
                raise
            await _refuse(problem(ProblemCode.INTERNAL), scope, receive, reply)


async def _refuse(found: Problem, scope: Scope, receive: Receive, send: Send) -> None:
    language = Headers(scope=scope).get("accept-language", "")
    await answer(found, STATUS[found.code], language)(scope, receive, send)


class _Reply:
    """The way out of one request: adds the headers and knows whether the answer has begun."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.started = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
            headers.setdefault("Content-Security-Policy", NOTHING)
        await self._send(message)
