"""No connection outlives its handler or its server, whenever it came."""

import asyncio
import gc
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress

import pytest

from planner_node.broker.listening import Handler, listening
from planner_node.broker.serving import serve
from tests.fakes.wire import Script, scripted
from tests.faults.proxy import Proxy

DEADLINE_S = 10
Server = Callable[[], AbstractAsyncContextManager[int]]


async def dwell(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    """Read until the client goes, which it does not."""
    await reader.read()


async def leave(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
    """Forget to close."""


async def fail(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
    """Break."""
    raise ValueError("of the handler")


@asynccontextmanager
async def fake() -> AsyncIterator[int]:
    async with scripted(Script()) as script:
        yield script.port


@asynccontextmanager
async def proxy() -> AsyncIterator[int]:
    async with fake() as port, Proxy(port) as between:
        yield between.port


SERVERS: dict[str, Server] = {
    "listening": lambda: listening(dwell, "127.0.0.1", 0),
    "embedded": lambda: serve("127.0.0.1", 0),
    "fake": fake,
    "proxy": proxy,
}


@pytest.fixture
def nothing_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No socket and no stream is left open: a complaint that nobody can catch."""
    gc.collect()
    complaints: list[str] = []
    monkeypatch.setattr(
        sys, "unraisablehook", lambda caught: complaints.append(repr(caught.exc_value))
    )
    yield
    gc.collect()
    assert complaints == []


@pytest.mark.parametrize("turns", range(7))
@pytest.mark.parametrize("name", SERVERS)
@pytest.mark.usefixtures("nothing_left")
def test_one_that_comes_as_the_server_ends_is_closed(name: str, turns: int) -> None:
    async def come_late() -> socket.socket:
        async with SERVERS[name]() as port:
            client = socket.create_connection(("127.0.0.1", port))
            for _ in range(turns):
                await asyncio.sleep(0)
        return client

    with asyncio.run(come_late()) as client:
        client.settimeout(DEADLINE_S)
        with suppress(ConnectionResetError):  # it was never taken, or had more to say
            assert client.recv(1) == b""


@pytest.mark.parametrize("handler", [leave, fail])
async def test_a_handler_need_not_close(handler: Handler, caplog: pytest.LogCaptureFixture) -> None:
    async with listening(handler, "127.0.0.1", 0) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert await asyncio.wait_for(reader.read(), DEADLINE_S) == b""
        writer.close()
    assert ("of the handler" in caplog.text) == (handler is fail)
