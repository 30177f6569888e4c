"""Several nodes on one PostgreSQL: each task has one owner, and all nodes see all tasks."""

import asyncio
from dataclasses import replace
from typing import Final

import pytest

from messages.status import TaskState
from planner_node.errors import JournalLost, TaskMoved
from planner_node.journal.postgres.store import PostgresJournal
from planner_node.tasks.part import Part
from planner_node.tasks.record import Event, EventKind
from tests.fakes.record import MOMENT, a_record, a_status, a_subtask

BEYOND_SQL: Final = "\ud800"  # half a character: no database takes it


async def test_an_id_that_another_node_knows_is_a_duplicate_with_the_stored_task(
    one: PostgresJournal, two: PostgresJournal
) -> None:
    first = await one.admit(a_record(), [a_status()])
    again = await two.admit(a_record(content_hash="f" * 64), [a_status(text="second")])
    assert not again.is_new
    assert again.record == first.record


async def test_an_id_sent_to_all_nodes_at_once_is_admitted_once(
    one: PostgresJournal, two: PostgresJournal
) -> None:
    both = [journal.admit(a_record(f"t{n}"), []) for n in range(20) for journal in (one, two)]
    admissions = await asyncio.gather(*both)
    assert sum(admission.is_new for admission in admissions) == 20


async def test_a_duplicate_is_answered_by_the_node_that_was_asked_with_the_same_bytes(
    one: PostgresJournal, two: PostgresJournal
) -> None:
    await one.admit(a_record(), [a_status(text="said once")])
    await two.replay("task-1", [EventKind.STATUS], reply=None)
    assert [item.event.payload for item in await two.pending(0, 10)] == [b"said once"]


async def test_each_node_recovers_and_publishes_its_own(
    one: PostgresJournal, two: PostgresJournal
) -> None:
    await one.admit(a_record("a"), [a_status("a")])
    await two.admit(a_record("b"), [a_status("b")])
    assert [record.task_id for record in await one.unfinished()] == ["a"]
    assert [item.event.task_id for item in await two.pending(0, 10)] == ["b"]
    assert (await one.outbox_depth(), await two.outbox_depth()) == (1, 1)


async def test_every_node_shows_the_tasks_of_all(
    one: PostgresJournal, two: PostgresJournal
) -> None:
    admitted = await one.admit(a_record(), [a_status()])
    assert await two.task("task-1") == admitted.record
    assert len(await two.events("task-1")) == 1


async def test_a_node_that_changes_anothers_task_owns_it_from_then_on(
    one: PostgresJournal, two: PostgresJournal
) -> None:
    admitted = (await one.admit(a_record(), [])).record
    changed = replace(admitted, status_version=2, priority=90)
    await two.commit(changed, [])
    assert await one.unfinished() == []
    assert await two.unfinished() == [changed]


async def test_the_first_owner_cannot_write_over_anothers_change(
    one: PostgresJournal, two: PostgresJournal
) -> None:
    admitted = (await one.admit(a_record(), [])).record
    ended = replace(admitted, status_version=2, state=TaskState.CANCELED, finished=MOMENT)
    await two.commit(ended, [a_status(text="CANCELED")])
    with pytest.raises(TaskMoved):
        await one.commit(replace(admitted, status_version=2), [a_status(text="PLANNING")])
    assert await one.task("task-1") == ended
    assert [item.event.payload for item in await one.events("task-1")] == [b"CANCELED"]


async def test_what_waits_in_an_outbox_is_overtaken_by_anothers_change(
    one: PostgresJournal, two: PostgresJournal
) -> None:
    admitted = (await one.admit(a_record(), [a_status(), a_subtask(seq=0)])).record
    await one.admit(a_record("other"), [a_status("other")])
    await two.commit(replace(admitted, status_version=2), [a_status(text="CANCELED")])
    assert [item.is_overtaken for item in await one.pending(0, 10)] == [True, True, False]
    assert [item.is_overtaken for item in await two.pending(0, 10)] == [False]


async def test_a_refused_change_does_not_sink_those_that_wait_with_it(
    one: PostgresJournal, two: PostgresJournal
) -> None:
    admitted = (await two.admit(a_record(), [])).record
    await two.commit(replace(admitted, status_version=2), [])
    moved, kept = await asyncio.gather(
        one.commit(replace(admitted, status_version=2), []),
        one.commit(a_record("kept"), []),
        return_exceptions=True,
    )
    assert isinstance(moved, TaskMoved)
    assert kept == []
    assert await one.task("kept") is not None


async def test_a_bad_row_fails_alone(one: PostgresJournal) -> None:
    bad = Event(EventKind.STATUS, b"x", BEYOND_SQL)
    good, half = await asyncio.gather(
        one.admit(a_record("good"), [a_status("good")]),
        one.commit(a_record("half"), [a_subtask("half", seq=0), bad]),
        return_exceptions=True,
    )
    assert isinstance(half, JournalLost)
    assert not isinstance(good, BaseException)
    assert await one.task("half") is None
    assert len(await one.events("good")) == 1
    assert one.healthy


async def test_a_row_that_the_server_refuses_fails_alone(one: PostgresJournal) -> None:
    good, bad, also_good = await asyncio.gather(
        one.admit(a_record("good"), [a_status("good")]),
        one.commit(a_record("bad", status_version=2**40), [a_status("bad")]),
        one.commit(a_record("also-good"), [a_status("also-good")]),
        return_exceptions=True,
    )
    assert isinstance(bad, JournalLost)
    assert not isinstance(good, BaseException)
    assert not isinstance(also_good, BaseException)
    assert len(await one.unfinished()) == len(await one.pending(0, 10)) == 2
    assert one.healthy


async def test_each_node_has_its_own_part_of_the_fleet(
    one: PostgresJournal, two: PostgresJournal
) -> None:
    await one.keep_part(Part(0, 2, 3))
    assert await two.part() is None
    await two.keep_part(Part(1, 2, 4))
    assert [await node.part() for node in (one, two)] == [Part(0, 2, 3), Part(1, 2, 4)]
