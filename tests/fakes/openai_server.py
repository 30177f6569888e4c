"""A server that speaks OpenAI's API, plays scripts, and can fail in every way that servers do."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.api.live import serving
from tests.fakes.completion import CHUNK_CHARS, NUMBERED_LIST, SEED_PLAN, plan_call, tool_call

PROOF: Final = '{"ok": true}'
PLAN: Final = plan_call(*SEED_PLAN)


@dataclass(slots=True)
class Played:
    """How one answer goes; by default it does what the schema of the request asks for.

    With ``hold_after`` set, so many pieces are sent, ``held`` is set, and the rest waits for
    ``gate``. ``break_after`` ends the connection after so many pieces.
    """

    text: str | None = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    error: Any = None
    lines: list[str] | None = None  # these lines instead of an answer
    finish: str = "stop"
    counts: bool = True  # whether the cost is told
    break_after: int | None = None
    hold_after: int | None = None
    held: asyncio.Event = field(default_factory=asyncio.Event)
    gate: asyncio.Event = field(default_factory=asyncio.Event)


class OpenAiServer:
    """The server; change its fields while it runs."""

    def __init__(self, field_kept: str = "response_format", owner: str = "") -> None:
        self.field_kept = field_kept  # the one field of the body by which it keeps to a schema
        self.owner = owner
        self.models = ["fake"]
        self.key: str | None = None
        self.loading = False
        self.decodes: str | None = None  # what it makes of ids; None = it cannot say
        self.scripts: list[Played] = []  # for the next requests; then it behaves
        self.bodies: list[dict[str, Any]] = []  # of the requests that stream
        self.running = 0
        self.most_running = 0
        self.left = 0  # answers whose reader went away
        self.url = ""

    @asynccontextmanager
    async def listening(self) -> AsyncIterator["OpenAiServer"]:
        """Serve on a free port of loopback."""
        routes = [
            Route("/v1/models", self._models),
            Route("/detokenize", self._detokenize, methods=["POST"]),
            Route("/v1/completions", self._complete, methods=["POST"]),
            Route("/v1/chat/completions", self._complete, methods=["POST"]),
        ]
        async with serving(Starlette(routes=routes)) as self.url:
            yield self

    async def _models(self, request: Request) -> Response:
        if self.loading:
            return JSONResponse({"error": {"message": "Loading model"}}, 503)
        if self.key is not None and request.headers.get("authorization") != f"Bearer {self.key}":
            return JSONResponse({"error": {"message": "Invalid API key"}}, 401)
        cards = [{"id": model, "object": "model", "owned_by": self.owner} for model in self.models]
        return JSONResponse({"object": "list", "data": cards})

    async def _detokenize(self, request: Request) -> Response:
        del request
        if self.decodes is None:
            return JSONResponse({"detail": "Not Found"}, 404)
        return JSONResponse({"content": self.decodes})

    async def _complete(self, request: Request) -> Response:
        body = await request.json()
        if not body.get("stream"):
            text = self._answer(body)
            said = {"text": text} if "prompt" in body else {"message": {"content": text}}
            return JSONResponse({"choices": [{**said, "finish_reason": "stop"}]})
        self.bodies.append(body)
        played = self.scripts.pop(0) if self.scripts else Played()
        if played.status != 200:
            return JSONResponse(played.error, played.status, headers=played.headers)
        return StreamingResponse(self._stream(body, played), media_type="text/event-stream")

    def _answer(self, body: dict[str, Any]) -> str:
        """Return what fits the request's schema; without one in the right field, free text."""
        shape = body.get(self.field_kept)
        if not isinstance(shape, dict):
            return NUMBERED_LIST
        schema = shape.get("json_schema", {}).get("schema") or shape.get("json") or shape
        if "anyOf" not in schema:
            return PROOF
        names = [branch["properties"]["name"]["const"] for branch in schema["anyOf"]]
        return PLAN if "decompose_task" in names else tool_call(names[0], {})

    async def _stream(self, body: dict[str, Any], played: Played) -> AsyncIterator[str]:
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        whole = False
        try:
            async for line in self._lines(body, played):
                yield line
            whole = True
        finally:
            self.running -= 1
            self.left += not whole

    async def _lines(self, body: dict[str, Any], played: Played) -> AsyncIterator[str]:
        if played.lines is not None:
            for line in played.lines:
                yield f"data: {line}\n\n"
            return
        text = self._answer(body) if played.text is None else played.text
        pieces = [text[at : at + CHUNK_CHARS] for at in range(0, len(text), CHUNK_CHARS)]
        yield ": ping\n\n"
        for place, piece in enumerate(pieces[: body["max_tokens"]]):
            if place == played.break_after:
                return
            if place == played.hold_after:
                played.held.set()
                await played.gate.wait()
            yield _line(body, piece, None)
            await asyncio.sleep(0)
        is_cut = len(pieces) > body["max_tokens"]
        yield _line(body, "", "length" if is_cut else played.finish)
        if played.counts:
            counted = {
                "prompt_tokens": 11,
                "completion_tokens": min(len(pieces), body["max_tokens"]),
            }
            yield f"data: {json.dumps({'choices': [], 'usage': counted})}\n\n"
        yield "data: [DONE]\n\n"


def _line(body: dict[str, Any], text: str, finish: str | None) -> str:
    said = {"text": text} if "prompt" in body else {"delta": {"content": text}}
    choice = {"index": 0, "finish_reason": finish, **said}
    return f"data: {json.dumps({'choices': [choice]}, ensure_ascii=False)}\n\n"
