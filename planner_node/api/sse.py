"""Server-sent events: one response class that ends with its client, with the node, or by itself.

Starlette's StreamingResponse already stops when the client leaves; what is added here: pings, so
that proxies keep a quiet stream open; an end when the node closes, which uvicorn would otherwise
wait for; last words where uvicorn has waited long enough; and the certainty that the source is
closed at once, not when the collector comes by.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from starlette.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send

__all__ = ["MEDIA_TYPE", "EventStream", "format_sse_event", "paced"]

MEDIA_TYPE: Final = "text/event-stream"
PING_S: Final = 15.0
_HEADERS: Final = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class EventStream(StreamingResponse):
    """Sends what ``source`` yields, each item a whole event as bytes.

    With ``closing`` it ends as soon as that is set; without, like any other answer, when it is
    whole or the server cuts it off. Then ``farewell`` is the last that the client reads.
    """

    media_type = MEDIA_TYPE

    def __init__(
        self,
        source: AsyncGenerator[bytes, None],
        closing: asyncio.Event | None = None,
        *,
        farewell: bytes = b"",
    ) -> None:
        self._paced = paced(source, closing or asyncio.Event())
        self._farewell = farewell
        super().__init__(self._paced, headers=_HEADERS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        way = _WayOut(send)
        try:
            async with aclosing(self._paced):
                await super().__call__(scope, receive, way)
        except asyncio.CancelledError:
            if way.is_open:
                await way({"type": "http.response.body", "body": self._farewell})
            raise


class _WayOut:
    """Passes an answer on, and knows whether it has begun and not ended."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.is_open = False

    async def __call__(self, message: Message) -> None:
        is_start = message["type"] == "http.response.start"
        self.is_open = is_start or message.get("more_body", False)
        await self._send(message)


async def paced(
    source: AsyncGenerator[bytes, None], closing: asyncio.Event, ping_s: float = PING_S
) -> AsyncGenerator[bytes, None]:
    """Yield the source's events, and pings while it is quiet; end when ``closing`` is set."""
    closed = asyncio.create_task(closing.wait(), name="api.sse.closing")
    pending = asyncio.create_task(_next(source), name="api.sse.next")
    try:
        while not closed.done():
            await asyncio.wait(
                {pending, closed}, timeout=ping_s, return_when=asyncio.FIRST_COMPLETED
            )
            if pending.done():
                if (event := pending.result()) is None:
                    return
                yield event
                pending = asyncio.create_task(_next(source), name="api.sse.next")
            elif not closed.done():
                yield KEEPALIVE_COMMENT
    finally:
        for task in (closed, pending):
            task.cancel()
        await asyncio.gather(closed, pending, return_exceptions=True)
        await source.aclose()


async def _next(source: AsyncGenerator[bytes, None]) -> bytes | None:
    return await anext(source, None)
