"""Several nodes on one PostgreSQL: each task has one owner, and a dead node's tasks one heir."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Final

import psycopg
import pytest

from messages.status import TaskState
from planner_node.errors import JournalLost, LeaseLost, TaskMoved
from planner_node.journal.postgres.schema import MIGRATIONS, SCHEMA
from planner_node.journal.postgres.store import PostgresJournal
from planner_node.tasks.record import Event, EventKind, StoredEvent
from tests.fakes.postgresql import Cluster
from tests.fakes.record import MOMENT, a_record, a_status, a_subtask
from tests.fakes.waiting import until
from tests.journal.conftest import shared

BEYOND_SQL: Final = "\ud800"  # half a character: no database takes it


@pytest.fixture
async def one(database: str) -> AsyncIterator[PostgresJournal]:
    journal = shared(database, "one")
    await journal.start()
    yield journal
    await journal.close()


@pytest.fixture
async def two(database: str) -> AsyncIterator[PostgresJournal]:
    journal = shared(database, "two")
    await journal.start()
    yield journal
    await journal.close()


def ask(database: str, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(database, autocommit=True, options=f"-c search_path={SCHEMA}") as asking:
        cursor = asking.execute(query.encode())
        return cursor.fetchall() if cursor.description else []


def let_the_lease_run_out(database: str, node_id: str) -> None:
    with psycopg.connect(database, autocommit=True) as asking:
        asking.execute(
            "UPDATE planner_node.nodes SET lease_until = now() - interval '1 s' WHERE node_id = %s",
            [node_id],
        )


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


async def test_a_living_nodes_tasks_are_not_taken_over(
    one: PostgresJournal, two: PostgresJournal
) -> None:
    await one.admit(a_record(), [a_status()])
    assert await two.take_over() == []
    assert len(await one.unfinished()) == 1


async def test_a_dead_nodes_tasks_go_to_exactly_one_heir(
    one: PostgresJournal, two: PostgresJournal, database: str
) -> None:
    for number in range(10):
        await one.admit(a_record(f"t{number}"), [])
    three = shared(database, "three")
    await three.start()
    let_the_lease_run_out(database, "one")
    heirs = await asyncio.gather(two.take_over(), three.take_over(), two.take_over())
    await three.close()
    taken = [record.task_id for records in heirs for record in records]
    assert sorted(taken) == [f"t{number}" for number in range(10)]


async def test_a_finished_task_stays_with_the_dead(
    one: PostgresJournal, two: PostgresJournal, database: str
) -> None:
    await one.commit(a_record(finished=MOMENT), [])
    let_the_lease_run_out(database, "one")
    assert await two.take_over() == []


async def test_a_dead_nodes_outbox_is_published_by_the_heir_once(
    one: PostgresJournal, two: PostgresJournal, database: str
) -> None:
    await one.admit(a_record(), [a_status(text="QUEUED"), a_subtask(seq=0)])
    notice = Event(EventKind.NOTICE, b"notice", "task-1", "robot-1")
    await one.commit(None, [notice])
    last = await two.commit(None, [a_status("other")])
    let_the_lease_run_out(database, "one")
    heard: list[StoredEvent] = []
    two.listen(heard.extend)
    await two.take_over()
    copies = await two.pending(last[0].event_id, 10)  # behind what the heir has read already
    assert [item.event for item in copies][::2] == [a_status(text="QUEUED"), notice]
    assert heard == copies
    assert await one.pending(0, 10) == []


async def test_the_history_of_a_task_is_the_same_after_it_changed_hands(
    one: PostgresJournal, two: PostgresJournal, database: str
) -> None:
    await one.admit(a_record(), [a_status(text="QUEUED")])
    before = await one.events("task-1")
    let_the_lease_run_out(database, "one")
    await two.take_over()
    assert await two.events("task-1") == before


async def test_a_node_given_up_for_dead_writes_nothing_more(
    one: PostgresJournal, two: PostgresJournal, database: str
) -> None:
    admitted = (await one.admit(a_record(), [])).record
    let_the_lease_run_out(database, "one")
    await two.take_over()
    with pytest.raises(JournalLost):
        await one.commit(replace(admitted, state=TaskState.PLANNING), [a_status()])
    with pytest.raises(LeaseLost, match="taken over"):
        await one.renew()
    assert await two.events("task-1") == []


async def test_a_node_that_stands_still_in_the_middle_of_a_group_cannot_keep_its_tasks(
    one: PostgresJournal, two: PostgresJournal, database: str
) -> None:
    await one.admit(a_record(), [])
    let_the_lease_run_out(database, "one")
    asleep = psycopg.connect(
        database, application_name="planner-node one", options=f"-c search_path={SCHEMA}"
    )
    asleep.execute("SELECT 1 FROM nodes WHERE node_id = 'one' FOR SHARE")
    async with asyncio.timeout(10):
        while not (taken := await two.take_over()):
            pass  # the first look ends the session, a later one finds the row free
    with pytest.raises(psycopg.OperationalError):
        asleep.execute("SELECT 1")
    asleep.close()
    assert [record.task_id for record in taken] == ["task-1"]


async def test_a_lease_that_ran_out_and_that_nobody_took_can_be_renewed(
    one: PostgresJournal, two: PostgresJournal, database: str
) -> None:
    await one.admit(a_record(), [])
    let_the_lease_run_out(database, "one")
    await one.renew()
    assert await two.take_over() == []


async def test_the_next_process_of_a_name_takes_its_tasks_at_once(
    one: PostgresJournal, database: str
) -> None:
    await one.admit(a_record(), [])
    again = shared(database, "one")
    await again.start()
    assert len(await again.unfinished()) == 1
    with pytest.raises(LeaseLost):
        await one.renew()
    await again.close()


async def test_an_orderly_stop_leaves_its_tasks_to_the_others_at_once(
    two: PostgresJournal, database: str
) -> None:
    one = shared(database, "one")
    await one.start()
    await one.admit(a_record(), [])
    await one.close()
    assert [record.task_id for record in await two.take_over()] == ["task-1"]


async def test_a_node_that_publishes_nothing_takes_nothing_over(
    one: PostgresJournal, database: str
) -> None:
    await one.admit(a_record(), [a_status()])
    quiet = shared(database, "quiet", outbox=False)
    await quiet.start()
    let_the_lease_run_out(database, "one")
    assert await quiet.take_over() == []
    await quiet.close()


async def test_nodes_that_start_together_make_one_schema(database: str) -> None:
    nodes = [shared(database, f"n{number}") for number in range(4)]
    await asyncio.gather(*(node.start() for node in nodes))
    await asyncio.gather(*(node.close() for node in nodes))
    assert ask(database, "SELECT version FROM schema_version") == [(len(MIGRATIONS),)]


async def test_a_newer_schema_is_refused_with_advice(one: PostgresJournal, database: str) -> None:
    ask(database, "UPDATE schema_version SET version = 99")
    with pytest.raises(JournalLost, match="run the newer planner-node"):
        await shared(database, "old").start()


async def test_a_database_that_is_not_there_is_named() -> None:
    nowhere = shared("postgresql://planner@127.0.0.1:1/nothing")
    with pytest.raises(JournalLost, match=r"cannot be opened[\s\S]* check journal\.url"):
        await nowhere.start()


async def test_a_group_is_committed_together(one: PostgresJournal) -> None:
    before = one.figures
    await asyncio.gather(*(one.admit(a_record(f"t{n}"), [a_status(f"t{n}")]) for n in range(50)))
    assert one.figures.errands - before.errands == 50
    assert one.figures.groups - before.groups < 10


async def test_a_connection_that_breaks_is_made_again(one: PostgresJournal, database: str) -> None:
    ask(
        database,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name = 'planner-node one'",
    )
    with pytest.raises(JournalLost):
        await one.commit(None, [a_status()])
    assert not one.healthy
    await until(lambda: one.healthy)
    assert (await one.admit(a_record(), [])).is_new


async def test_a_commit_whose_answer_was_lost_is_looked_up(
    one: PostgresJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    losing = LosesTheAnswer(monkeypatch)
    admission = await one.admit(a_record(), [a_status()])
    assert losing.has_lost
    assert admission.is_new
    assert len(await one.events("task-1")) == 1


class LosesTheAnswer:
    """Cuts the connection right behind the first COMMIT."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.has_lost = False
        plain = psycopg.AsyncTransaction.__aexit__
        losing = self

        async def exit_and_break(self: psycopg.AsyncTransaction, *arguments: object) -> bool | None:
            answer = await plain(self, *arguments)  # type: ignore[arg-type]  # passed on as they are
            if not losing.has_lost:
                losing.has_lost = True
                await self.connection.close()
                raise psycopg.OperationalError("the answer was lost")
            return answer

        monkeypatch.setattr(psycopg.AsyncTransaction, "__aexit__", exit_and_break)


async def test_a_server_that_restarts_loses_nothing(cluster_of_its_own: Cluster) -> None:
    journal = shared(cluster_of_its_own.database())
    await journal.start()
    await journal.admit(a_record("before"), [a_status("before")])
    cluster_of_its_own.stop()
    with pytest.raises(JournalLost):
        await journal.admit(a_record("meanwhile"), [])
    assert "refuses to write" in journal.reason
    cluster_of_its_own.start()
    await until(lambda: journal.healthy)
    await journal.admit(a_record("after"), [])
    assert [record.task_id for record in await journal.unfinished()] == ["before", "after"]
    await journal.close()
