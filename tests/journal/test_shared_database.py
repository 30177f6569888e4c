"""One PostgreSQL for all nodes: its schema, and what happens where it breaks or is not there."""

import asyncio

import psycopg
import pytest

from planner_node.errors import JournalLost
from planner_node.journal.postgres import lease, writer
from planner_node.journal.postgres.connecting import Address
from planner_node.journal.postgres.schema import MIGRATIONS, SCHEMA
from planner_node.journal.postgres.store import PostgresJournal
from planner_node.tasks.part import Part
from tests.fakes.journal import open_journal
from tests.fakes.postgresql import Cluster, ask
from tests.fakes.record import a_record, a_status
from tests.fakes.waiting import until
from tests.journal.conftest import shared


async def test_nodes_that_start_together_make_one_schema(database: str) -> None:
    nodes = [shared(database, f"n{number}") for number in range(4)]
    await asyncio.gather(*(node.start() for node in nodes))
    await asyncio.gather(*(node.close() for node in nodes))
    assert ask(database, "SELECT version FROM schema_version") == [(len(MIGRATIONS),)]


@pytest.mark.parametrize("version", range(1, len(MIGRATIONS) + 1))
async def test_a_database_of_an_earlier_schema_is_taken_over(database: str, version: int) -> None:
    ask(database, f"CREATE SCHEMA {SCHEMA}")
    for script in MIGRATIONS[:version]:
        ask(database, script)
    ask(database, f"CREATE TABLE schema_version AS SELECT {version} AS version")
    async with open_journal(shared(database)) as journal:
        assert (await journal.admit(a_record(), [])).is_new
        await journal.keep_part(Part(0, 1, 2))
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


async def test_an_unreadable_event_is_not_the_end_of_the_outbox(
    one: PostgresJournal, database: str
) -> None:
    stored = await one.commit(a_record(), [a_status(text=str(number)) for number in range(250)])
    ask(database, "UPDATE events SET kind = 'WHISPER' WHERE event_id % 100 = 7")
    readable = [event for event in stored if event.event_id % 100 != 7]
    assert await one.pending(0, 100) == readable[:100]
    assert await one.pending(readable[99].event_id, 1_000) == readable[100:]


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


async def test_a_commit_that_a_restored_database_never_heard_of_is_lost(
    one: PostgresJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has fallen back behind the commit, so that its number is still to come."""

    async def of_the_future(*_: object) -> str:
        return "999999999999"

    LosesTheAnswer(monkeypatch)
    monkeypatch.setattr(lease, "check", of_the_future)
    with pytest.raises(JournalLost, match="in the middle of a commit"):
        await one.admit(a_record(), [a_status()])
    monkeypatch.undo()
    await until(lambda: one.healthy)


async def test_a_node_can_stop_while_nobody_says_what_became_of_a_commit(
    one: PostgresJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nobody_there(_: object) -> None:
        raise OSError("the database is gone")

    LosesTheAnswer(monkeypatch)
    monkeypatch.setattr(Address, "connect", nobody_there)
    monkeypatch.setattr(writer, "PROBE_S", 0.01)
    admission = asyncio.create_task(one.admit(a_record(), [a_status()]))
    await until(lambda: not one.healthy)
    async with asyncio.timeout(5):
        await one.close()
    with pytest.raises(JournalLost, match="in the middle of a commit"):
        await admission


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
    async with open_journal(shared(cluster_of_its_own.database())) as journal:
        await journal.admit(a_record("before"), [a_status("before")])
        cluster_of_its_own.stop()
        with pytest.raises(JournalLost):
            await journal.admit(a_record("meanwhile"), [])
        assert "refuses to write" in journal.reason
        cluster_of_its_own.start()
        await until(lambda: journal.healthy)
        await journal.admit(a_record("after"), [])
        assert [record.task_id for record in await journal.unfinished()] == ["before", "after"]


async def test_what_was_sent_before_a_loss_was_heard_shares_it(
    one: PostgresJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the younger task would be taken in before the older one, which is sent again."""
    reached, gate = asyncio.Event(), asyncio.Event()

    async def breaks(*_: object, **__: object) -> None:
        monkeypatch.undo()
        reached.set()
        await gate.wait()
        raise OSError("the line is down")

    monkeypatch.setattr(one._writing, "_transaction", breaks)
    older = asyncio.create_task(one.admit(a_record("older"), []))
    await reached.wait()
    younger = asyncio.create_task(one.admit(a_record("younger"), []))
    await asyncio.sleep(0)  # up to its await, behind the group that is being lost
    gate.set()
    for lost in (older, younger):
        with pytest.raises(JournalLost, match="the line is down"):
            await lost
    assert (await one.admit(a_record("after"), [])).is_new
