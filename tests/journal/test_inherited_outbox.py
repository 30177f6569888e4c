"""What a dead node had still to say its heir says, but not as the last word where it is none."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from planner_node.journal.postgres.store import PostgresJournal
from planner_node.tasks.record import Event, EventKind, StoredEvent, TaskRecord
from tests.fakes.journal import open_journal
from tests.fakes.postgresql import let_the_lease_run_out
from tests.fakes.record import MOMENT, a_record, a_status, a_subtask
from tests.journal.conftest import shared


@pytest.fixture
async def three(database: str) -> AsyncIterator[PostgresJournal]:
    async with open_journal(shared(database, "three")) as journal:
        yield journal


@pytest.fixture
async def record(one: PostgresJournal) -> TaskRecord:
    """``task-1``, of which the first node has told its state and a line, to nobody yet."""
    return (await one.admit(a_record(), [a_status(), a_subtask(seq=0)])).record


async def inherit(heir: PostgresJournal, database: str, dead: str = "one") -> list[StoredEvent]:
    """Take over from a dead node; return what the heir hears of it."""
    heard: list[StoredEvent] = []
    stop = heir.listen(heard.extend)
    let_the_lease_run_out(database, dead)
    while await heir.take_over() is not None:
        pass
    stop()
    return heard


def later(record: TaskRecord, version: int = 2) -> TaskRecord:
    return replace(record, status_version=version)


async def overtaken(journal: PostgresJournal) -> list[bool]:
    return [item.is_overtaken for item in await journal.pending(0, 100)]


async def test_a_dead_nodes_outbox_is_published_by_the_heir_once(
    one: PostgresJournal, two: PostgresJournal, database: str
) -> None:
    await one.admit(a_record(), [a_status(text="QUEUED"), a_subtask(seq=0)])
    notice = Event(EventKind.NOTICE, b"notice", "task-1", "robot-1")
    await one.commit(None, [notice])
    last = await two.commit(None, [a_status("other")])
    heard = await inherit(two, database)
    copies = await two.pending(last[0].event_id, 10)  # behind what the heir has read already
    assert [item.event for item in copies][::2] == [a_status(text="QUEUED"), notice]
    assert heard == copies
    assert await one.pending(0, 10) == []


async def test_the_heir_has_the_last_word_of_the_dead(
    one: PostgresJournal, two: PostgresJournal, database: str
) -> None:
    await one.admit(a_record(finished=MOMENT), [a_status(text="PLANNING"), a_status(text="DONE")])
    assert [item.is_overtaken for item in await inherit(two, database)] == [False, False]
    assert await overtaken(two) == [False, False]


async def test_what_a_third_has_changed_before_is_not_the_last_word_and_its_lines_are_left_out(
    record: TaskRecord, two: PostgresJournal, three: PostgresJournal, database: str
) -> None:
    await three.commit(later(record), [a_status(text="CANCELED")])
    heard = await inherit(two, database)
    assert [(item.event.kind, item.is_overtaken) for item in heard] == [(EventKind.STATUS, True)]
    assert await two.pending(0, 10) == heard


async def test_what_a_third_changes_afterwards_is_the_last_word_no_more(
    record: TaskRecord, two: PostgresJournal, three: PostgresJournal, database: str
) -> None:
    await inherit(two, database)
    await three.commit(later(record), [a_status(text="CANCELED")])
    (status, _) = await two.pending(0, 10)
    assert status.is_overtaken


async def test_what_the_heir_has_changed_before_is_not_the_last_word(
    record: TaskRecord, two: PostgresJournal, database: str
) -> None:
    await two.commit(later(record), [a_status(text="CANCELED")])
    heard = await inherit(two, database)
    assert [item.is_overtaken for item in heard] == [True]
    assert await overtaken(two) == [False, True]


async def test_what_the_heir_changes_afterwards_comes_behind_and_overtakes_nothing(
    record: TaskRecord, two: PostgresJournal, database: str
) -> None:
    await inherit(two, database)
    await two.commit(later(record), [a_status(text="CANCELED")])
    assert await overtaken(two) == [False, False, False]


async def test_what_the_dead_node_changes_in_its_next_life_is_the_last_word(
    record: TaskRecord, two: PostgresJournal, database: str
) -> None:
    await inherit(two, database)
    async with open_journal(shared(database, "one")) as again:
        await again.commit(later(record), [a_status(text="CANCELED")])
    assert (await overtaken(two))[0]


async def test_what_is_inherited_twice_keeps_its_order(
    record: TaskRecord, two: PostgresJournal, three: PostgresJournal, database: str
) -> None:
    await inherit(two, database)
    await two.commit(later(record), [a_status(text="PLANNING")])
    await inherit(three, database, dead="two")
    said = [item.event.payload for item in await three.pending(0, 10)]
    assert said[::2] == [b"QUEUED", b"PLANNING"]
    assert await overtaken(three) == [False] * 3


async def test_what_is_inherited_twice_is_judged_by_when_it_was_said(
    record: TaskRecord, two: PostgresJournal, three: PostgresJournal, database: str
) -> None:
    await three.commit(later(record), [a_status(text="CANCELED")])
    await inherit(two, database)
    await inherit(three, database, dead="two")
    assert await overtaken(three) == [False, True]


async def test_a_copy_for_who_asks_is_overtaken_by_anothers_change_too(
    record: TaskRecord, two: PostgresJournal, three: PostgresJournal
) -> None:
    await two.replay("task-1", [EventKind.STATUS], reply=None)
    assert await overtaken(two) == [False]
    await three.commit(later(record), [a_status(text="CANCELED")])
    assert await overtaken(two) == [True]
