"""What leaves the outbox, when, and in which order."""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from planner_node.clock import monotonic_s
from planner_node.mqtt.outbound import Outbound
from planner_node.mqtt.suspects import POISON_AFTER
from planner_node.tasks.record import Event, EventKind
from tests.fakes.brokerless import HandSession, HandSessions
from tests.fakes.clock import ManualClock
from tests.fakes.desk import RecordingPlanner
from tests.fakes.journal import MemoryJournal
from tests.fakes.waiting import until, until_it_is

ROOT = "planner/v1"
STREAM = f"{ROOT}/robots/r1/subtasks/stream"


class LeasedJournal(MemoryJournal):
    """A shared journal whose lease has run out, until it is held again."""

    def __init__(self) -> None:
        super().__init__()
        self.is_held = False
        self.asked = 0

    @property
    def ours_until_s(self) -> float:  # type: ignore[override]
        self.asked += 1
        return math.inf if self.is_held else monotonic_s()


@dataclass
class Way:
    """The way out with everything around it in a test's hands."""

    journal: MemoryJournal = field(default_factory=MemoryJournal)
    planner: RecordingPlanner = field(default_factory=RecordingPlanner)
    sessions: HandSessions = field(default_factory=HandSessions)
    out: Outbound = field(init=False)

    def __post_init__(self) -> None:
        self.out = Outbound(self.sessions, self.journal, self.planner, ManualClock(), ROOT)

    async def say(self, *texts: str, kind: EventKind = EventKind.SUBTASK) -> None:
        await self.journal.commit(None, [Event(kind, text.encode(), "t1", "r1") for text in texts])

    async def left(self) -> list[str]:
        return [stored.event.payload.decode() for stored in await self.journal.pending(0, 1_000)]

    async def until_left(self, *texts: str) -> None:
        await until_it_is(self.left, [*texts])


@asynccontextmanager
async def working(given: Way | None = None) -> AsyncIterator[Way]:
    way = given or Way()
    running = asyncio.create_task(way.out.run())
    try:
        yield way
    finally:
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running


def texts_of(session: HandSession) -> list[str]:
    return [publication.payload.decode() for publication in session.sent]


async def test_events_go_out_in_order_and_leave_the_outbox() -> None:
    async with working() as way:
        await way.say("1", "2", "3")
        session = await way.sessions.open(HandSession())
        await way.until_left()
        assert texts_of(session) == ["1", "2", "3"]


async def test_new_events_go_out_when_they_are_committed() -> None:
    async with working() as way:
        session = await way.sessions.open(HandSession())
        await way.say("1")
        await way.until_left()
        await way.say("2")
        await way.until_left()
        assert texts_of(session) == ["1", "2"]


async def test_nothing_is_told_while_another_node_may_have_taken_over() -> None:
    leased = LeasedJournal()
    async with working(Way(leased)) as way:
        session = await way.sessions.open(HandSession())
        await way.say("1")
        await until(lambda: leased.asked > 0)
        assert texts_of(session) == []
        leased.is_held = True
        await way.until_left()
        assert texts_of(session) == ["1"]
        assert session.until_s == [math.inf]


async def test_event_stays_until_its_puback() -> None:
    async with working() as way:
        session = await way.sessions.open(HandSession(accepts=False))
        await way.say("1", "2")
        await session.until_sent(2)
        assert await way.left() == ["1", "2"]
        session.answer()
        await way.until_left("2")


async def test_event_with_two_topics_stays_until_both_are_acknowledged() -> None:
    async with working() as way:
        session = await way.sessions.open(HandSession(accepts=False))
        await way.say("{}", kind=EventKind.STATUS)
        await session.until_sent(2)
        session.answer()
        assert await way.left() == ["{}"]
        session.answer()
        await way.until_left()


async def test_next_connection_starts_again_at_the_lowest_event_left() -> None:
    async with working() as way:
        first = await way.sessions.open(HandSession(epoch=1, accepts=False))
        await way.say("1", "2", "3")
        await first.until_sent(3)
        first.answer()
        await way.until_left("2", "3")
        first.end()
        second = await way.sessions.open(HandSession(epoch=2))
        await way.until_left()
        assert texts_of(second) == ["2", "3"]


async def test_refused_publication_is_reported_and_does_not_stop_the_others() -> None:
    async with working() as way:
        session = HandSession()
        session.refuse_topics = {STREAM}
        await way.say("1")
        await way.say("2", kind=EventKind.PLAN)
        await way.sessions.open(session)
        await way.until_left()
        [problem] = way.planner.reported
        facts = {reference.key: reference.value for reference in problem.references}
        assert (facts["topic"], facts["reason"]) == (STREAM, "Not authorized (0x87)")
        assert way.out.refused == 1


async def test_refused_errors_topic_makes_no_further_errors() -> None:
    async with working() as way:
        session = HandSession()
        session.refuse_topics = {f"{ROOT}/errors"}
        await way.say("1", kind=EventKind.ERROR)
        await way.sessions.open(session)
        await way.until_left()
        assert way.planner.reported == []


async def test_message_that_the_broker_closes_on_is_set_aside() -> None:
    async with working() as way:
        await way.say("poison", "good")
        for epoch in range(1, POISON_AFTER + 1):
            session = HandSession(epoch, accepts=False)
            session.accepted_publications = 1  # the birth was taken, so the connection was sound
            await way.sessions.open(session)
            await session.until_sent(1)
            session.end()
        last = await way.sessions.open(HandSession(POISON_AFTER + 1))
        await way.until_left()
        assert texts_of(last) == ["good"]
        assert len(way.planner.reported) == 1


async def test_lost_journal_keeps_what_was_acknowledged_in_mind() -> None:
    async with working() as way:
        await way.say("1")
        way.journal.refuses = "disk full"
        session = await way.sessions.open(HandSession())
        await session.until_sent(1)
        way.journal.refuses = ""
        await way.until_left()
        assert texts_of(session) == ["1"]


async def test_drained_waits_for_the_last_puback() -> None:
    async with working() as way:
        session = await way.sessions.open(HandSession(accepts=False))
        await way.say("1")
        draining = asyncio.create_task(way.out.drained())
        await session.until_sent(1)
        assert not draining.done()
        session.answer()
        async with asyncio.timeout(5):
            await draining


async def test_drained_returns_at_once_when_nothing_is_left() -> None:
    async with working() as way, asyncio.timeout(5):
        await way.out.drained()
