"""Requests that are never finished, at the node's own HTTP server."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from planner_node.node import patience
from planner_node.node.http import http_server
from planner_node.settings import HttpSettings

SHORT_S = 0.2
WITHIN_S = 10.0


async def echo(request: Request) -> Response:
    return PlainTextResponse(await request.body())


async def slow_answer(_request: Request) -> Response:
    await asyncio.sleep(3 * SHORT_S)
    return PlainTextResponse("at last")


@pytest.fixture
async def port(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    for state in patience._PATIENCE_S:
        monkeypatch.setitem(patience._PATIENCE_S, state, SHORT_S)
    app = Starlette(
        routes=[Route("/", echo, methods=["POST"]), Route("/slow", slow_answer)],
    )
    async with http_server(HttpSettings(port=0), app) as address:
        yield int(address.rsplit(":", 1)[1])


async def trickle(writer: asyncio.StreamWriter, text: bytes) -> None:
    """Send a byte now and then, for longer than the server has patience."""
    for place in range(len(text)):
        writer.write(text[place : place + 1])
        await asyncio.sleep(SHORT_S / 4)


@pytest.mark.parametrize(
    "begun",
    [b"", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n"],
    ids=["head", "body"],
)
async def test_what_comes_byte_by_byte_is_hung_up_on(port: int, begun: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    async with asyncio.timeout(WITHIN_S):
        writer.write(begun)
        sending = asyncio.create_task(trickle(writer, b"POST / HTTP/1.1\r\n" * 100))
        try:
            assert await reader.read() == b""
        except ConnectionResetError:
            pass  # it hung up while we were sending
        finally:
            sending.cancel()
            writer.close()


async def test_an_answer_may_take_its_time_and_the_next_request_its_own(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    async with asyncio.timeout(WITHIN_S):
        writer.write(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
        assert b"at last" in await reader.readuntil(b"at last")
        writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n")
        writer.write(b"word")
        assert b"word" in await reader.readuntil(b"word")
    writer.close()
