"""The outbox's events, each once and in order, from memory or from the journal."""

import asyncio
from dataclasses import dataclass, field

import pytest

from planner_node.errors import JournalLost
from planner_node.mqtt.feed import READ_AT_ONCE, Feed
from planner_node.tasks.record import Event, EventKind, StoredEvent
from tests.fakes.journal import MemoryJournal


@dataclass
class CountingJournal(MemoryJournal):
    """Counts its reads; ``during`` happens within the next one, after its rows were chosen."""

    reads: int = 0
    during: list[str] = field(default_factory=list)
    is_lost: bool = False

    def __post_init__(self) -> None:
        super().__init__()

    async def pending(self, after_id: int, limit: int) -> list[StoredEvent]:
        if self.is_lost:
            raise JournalLost("gone")
        self.reads += 1
        found = await super().pending(after_id, limit)
        await say(self, *self.during)
        self.during.clear()
        return found


async def say(journal: MemoryJournal, *texts: str) -> None:
    await journal.commit(
        None, [Event(EventKind.SUBTASK, text.encode(), "t", "r") for text in texts]
    )


def listening(journal: MemoryJournal, max_remembered: int = 100) -> Feed:
    feed = Feed(journal, max_remembered)
    feed.listen()
    return feed


async def texts(feed: Feed, count: int) -> list[str]:
    found: list[str] = []
    async with asyncio.timeout(5):
        while len(found) < count:
            found += [stored.event.payload.decode() for stored in await feed.following()]
    return found


async def test_what_was_there_comes_first() -> None:
    journal = CountingJournal()
    await say(journal, "1", "2")
    feed = listening(journal)
    await say(journal, "3")
    assert await texts(feed, 3) == ["1", "2", "3"]


async def test_news_is_not_read_again() -> None:
    journal = CountingJournal()
    feed = listening(journal)
    await say(journal, "1")
    assert await texts(feed, 1) == ["1"]
    reads = journal.reads
    await say(journal, "2", "3")
    assert await texts(feed, 2) == ["2", "3"]
    assert journal.reads == reads


async def test_what_is_committed_during_a_read_comes_once() -> None:
    journal = CountingJournal(during=["3"])
    await say(journal, "1", "2")
    feed = listening(journal)
    assert await texts(feed, 3) == ["1", "2", "3"]
    await say(journal, "4")
    assert await texts(feed, 1) == ["4"]


async def test_more_than_one_read_holds() -> None:
    journal = CountingJournal()
    expected = [str(number) for number in range(2 * READ_AT_ONCE + 1)]
    await say(journal, *expected)
    feed = listening(journal)
    assert await texts(feed, len(expected)) == expected


@pytest.mark.parametrize("after", [1, 2, 7])
async def test_more_news_than_there_is_room_for_is_read_from_the_journal(after: int) -> None:
    journal = CountingJournal()
    feed = listening(journal, max_remembered=3)
    await say(journal, "first")
    assert await texts(feed, 1) == ["first"]
    expected = [str(number) for number in range(10)]
    await say(journal, *expected[:after])
    await say(journal, *expected[after:])
    assert await texts(feed, 10) == expected


async def test_restart_begins_at_the_lowest_that_is_left() -> None:
    journal = CountingJournal()
    feed = listening(journal)
    await say(journal, "1", "2", "3")
    assert await texts(feed, 3) == ["1", "2", "3"]
    await journal.published([1])
    feed.restart()
    assert await texts(feed, 2) == ["2", "3"]


async def test_a_read_that_fails_loses_nothing() -> None:
    journal = CountingJournal(is_lost=True)
    await say(journal, "1")
    feed = listening(journal)
    with pytest.raises(JournalLost):
        await feed.following()
    await say(journal, "2")
    journal.is_lost = False
    assert await texts(feed, 2) == ["1", "2"]
