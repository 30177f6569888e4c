"""Retained statuses go as fast as the broker takes them, and none is lost on the way."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from planner_node.mqtt.clearing import Clearing
from tests.fakes.brokerless import HandSession, HandSessions

TOPIC = "root/tasks/{}/status"


@asynccontextmanager
async def clearing(sessions: HandSessions, max_waiting: int = 9) -> AsyncIterator[Clearing]:
    cleaner = Clearing(sessions, "root", max_waiting)
    running = asyncio.create_task(cleaner.run())
    try:
        yield cleaner
    finally:
        running.cancel()


def topics(session: HandSession) -> list[str]:
    return [publication.topic for publication in session.sent]


async def drained(cleaner: Clearing) -> None:
    async with asyncio.timeout(5):
        await cleaner.drained()


async def test_many_are_under_way_at_once() -> None:
    sessions = HandSessions()
    session = await sessions.open(HandSession(accepts=False))
    async with clearing(sessions) as cleaner:
        cleaner.add(["a", "b", "c"])
        sent = await session.until_sent(3)
        assert [one.topic for one in sent] == [TOPIC.format(name) for name in "abc"]
        assert all(one.retain and not one.payload for one in sent)


async def test_it_is_drained_when_the_last_answer_has_come() -> None:
    sessions = HandSessions()
    session = await sessions.open(HandSession(accepts=False))
    async with clearing(sessions) as cleaner:
        await drained(cleaner)  # nothing to do
        cleaner.add(["a"])
        await session.until_sent(1)
        waits = asyncio.create_task(cleaner.drained())
        await asyncio.sleep(0)
        assert not waits.done()
        session.answer()
        await drained(cleaner)
        await waits


async def test_what_a_connection_took_with_it_goes_out_on_the_next() -> None:
    sessions = HandSessions()
    first = await sessions.open(HandSession(accepts=False))
    async with clearing(sessions) as cleaner:
        cleaner.add(["a", "b"])
        await first.until_sent(2)
        second = await sessions.open(HandSession(epoch=2))
        first.end()
        await drained(cleaner)
    assert sorted(topics(second)) == [TOPIC.format("a"), TOPIC.format("b")]


async def test_what_the_broker_refuses_is_told_and_counted_and_the_next_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    sessions = HandSessions()
    session = HandSession()
    session.refuse_topics.add(TOPIC.format("a"))
    await sessions.open(session)
    async with clearing(sessions) as cleaner:
        cleaner.add(["a", "b"])
        await drained(cleaner)
        assert cleaner.refused == 1
    assert len(topics(session)) == 2
    assert "the status of a stays retained: Not authorized (0x87)" in caplog.text


async def test_a_broker_that_stays_away_fills_no_memory(caplog: pytest.LogCaptureFixture) -> None:
    sessions = HandSessions()
    async with clearing(sessions, max_waiting=2) as cleaner:
        cleaner.add(["a", "b", "c"])
        cleaner.add(["d"])
        assert "1 retained statuses stay" in caplog.text
        session = await sessions.open(HandSession())
        await drained(cleaner)
    assert topics(session) == [TOPIC.format("a"), TOPIC.format("b")]
