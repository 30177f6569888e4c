"""Retained statuses go as fast as the broker takes them, and none is lost on the way."""

import asyncio
import math
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from planner_node.clock import monotonic_s
from planner_node.errors import JournalLost
from planner_node.mqtt import clearing as module
from planner_node.mqtt.clearing import Clearing
from planner_node.mqtt.packets import Outcome, PublishOutcome
from tests.fakes.brokerless import ACCEPTED, LOST, HandSession, HandSessions
from tests.fakes.journal import MemoryJournal
from tests.fakes.record import a_record, a_status
from tests.fakes.waiting import until

TOPIC = "root/tasks/{}/status"


@asynccontextmanager
async def clearing(
    sessions: HandSessions, journal: MemoryJournal | None = None, max_waiting: int = 9
) -> AsyncIterator[Clearing]:
    cleaner = Clearing(sessions, journal or MemoryJournal(), "root", max_waiting)
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


async def test_an_id_that_is_used_again_keeps_its_new_status() -> None:
    sessions, journal = HandSessions(), MemoryJournal()
    await journal.admit(a_record("b"), [a_status("b")])
    session = await sessions.open(HandSession())
    async with clearing(sessions, journal) as cleaner:
        cleaner.add(["a", "b", "c"])
        await drained(cleaner)
    assert topics(session) == [TOPIC.format("a"), TOPIC.format("c")]
    assert len(await journal.pending(0, 9)) == 1


@pytest.mark.parametrize(
    ("answer", "said_again"),
    [(ACCEPTED, 1), (LOST, 1), (PublishOutcome(Outcome.REFUSED, 0x87, "Not authorized"), 0)],
)
async def test_an_id_that_is_used_again_on_the_way_has_its_status_said_again(
    answer: PublishOutcome, said_again: int
) -> None:
    sessions, journal = HandSessions(), MemoryJournal()
    session = await sessions.open(HandSession(accepts=False))
    async with clearing(sessions, journal) as cleaner:
        cleaner.add(["a"])
        await session.until_sent(1)
        await journal.admit(a_record("a"), [a_status("a")])
        session.answer(answer)
        await drained(cleaner)
    assert len(session.sent) == 1
    original, *copies = await journal.pending(0, 9)
    assert [one.replay_of for one in copies] == [original.event_id] * said_again


class TroubledJournal(MemoryJournal):
    """Cannot be read so many times more; its lease has run out until it is held again."""

    losses = 0
    is_held = True
    asked = 0

    async def known(self, task_ids: Sequence[str]) -> set[str]:
        self.losses -= 1
        if self.losses >= 0:
            raise JournalLost("for a moment")
        return await super().known(task_ids)

    @property
    def ours_until_s(self) -> float:  # type: ignore[override]
        self.asked += 1
        return math.inf if self.is_held else monotonic_s()


async def test_what_cannot_be_looked_up_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "JOURNAL_RETRY_S", 0.001)
    sessions, journal = HandSessions(), TroubledJournal()
    journal.losses = 3
    await journal.admit(a_record("a"), [a_status("a")])
    session = await sessions.open(HandSession())
    async with clearing(sessions, journal) as cleaner:
        cleaner.add(["a", "b"])
        await drained(cleaner)
    assert topics(session) == [TOPIC.format("b")]


async def test_nothing_is_cleared_while_another_node_may_have_taken_over() -> None:
    """Asleep through its lease, a node would clear what its heir has said meanwhile."""
    sessions, journal = HandSessions(), TroubledJournal()
    journal.is_held = False
    session = await sessions.open(HandSession())
    async with clearing(sessions, journal) as cleaner:
        cleaner.add(["a"])
        await until(lambda: journal.asked > 0)
        assert session.sent == []
        journal.is_held = True
        await drained(cleaner)
    assert session.until_s == [math.inf]
