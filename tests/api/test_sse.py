"""Pacing of server-sent events."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from planner_node.api.sse import paced


async def numbers(closed: asyncio.Event, stop: asyncio.Event) -> AsyncGenerator[bytes, None]:
    try:
        yield b"1"
        await stop.wait()
        yield b"2"
    finally:
        closed.set()


async def test_a_quiet_stream_pings_and_goes_on() -> None:
    closed, stop = asyncio.Event(), asyncio.Event()
    found = []
    async with aclosing(paced(numbers(closed, stop), asyncio.Event(), ping_s=0.01)) as events:
        async for event in events:
            found.append(event)
            if event.startswith(b":"):
                stop.set()
    assert (found[0], found[1], found[-1]) == (b"1", b": ping\n\n", b"2")


async def test_leaving_closes_the_source_at_once() -> None:
    closed = asyncio.Event()
    async with aclosing(paced(numbers(closed, asyncio.Event()), asyncio.Event())) as events:
        await anext(events)
    assert closed.is_set()


async def test_closing_ends_a_stream_that_waits() -> None:
    closed, closing = asyncio.Event(), asyncio.Event()
    found = []
    async with asyncio.timeout(5):
        async for event in paced(numbers(closed, asyncio.Event()), closing):
            found.append(event)
            closing.set()
    assert (found, closed.is_set()) == ([b"1"], True)


async def test_a_failing_source_fails_the_stream() -> None:
    async def failing() -> AsyncGenerator[bytes, None]:
        yield b"1"
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        _ = [event async for event in paced(failing(), asyncio.Event())]
