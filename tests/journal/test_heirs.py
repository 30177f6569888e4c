"""A dead node's tasks go to exactly one heir, and the dead write nothing more."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest

from messages.status import TaskState
from planner_node.errors import JournalLost, LeaseLost
from planner_node.journal.postgres import inheritance
from planner_node.journal.postgres.schema import SCHEMA
from planner_node.journal.postgres.store import PostgresJournal
from tests.fakes.journal import open_journal
from tests.fakes.postgresql import let_the_lease_run_out
from tests.fakes.record import MOMENT, a_record, a_status
from tests.journal.conftest import shared


async def test_a_living_nodes_tasks_are_not_taken_over(
    one: PostgresJournal, two: PostgresJournal
) -> None:
    await one.admit(a_record(), [a_status()])
    assert await two.take_over() is None
    assert len(await one.unfinished()) == 1


async def test_a_dead_nodes_tasks_go_to_exactly_one_heir(
    one: PostgresJournal, two: PostgresJournal, database: str
) -> None:
    for number in range(10):
        await one.admit(a_record(f"t{number}"), [])
    async with open_journal(shared(database, "three")) as three:
        let_the_lease_run_out(database, "one")
        heirs = await asyncio.gather(two.take_over(), three.take_over(), two.take_over())
    taken = [task_id for piece in heirs for task_id in piece or []]
    assert sorted(taken) == [f"t{number}" for number in range(10)]


async def test_a_finished_task_stays_with_the_dead(
    one: PostgresJournal, two: PostgresJournal, database: str
) -> None:
    await one.commit(a_record(finished=MOMENT), [])
    let_the_lease_run_out(database, "one")
    assert await two.take_over() == []


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
        while (taken := await two.take_over()) is None:
            pass  # the first look ends the session, a later one finds the row free
    with pytest.raises(psycopg.OperationalError):
        asleep.execute("SELECT 1")
    asleep.close()
    assert taken == ["task-1"]


async def test_nodes_whose_long_names_begin_alike_inherit_from_each_other(database: str) -> None:
    """PostgreSQL cuts what a session is called at 63 characters."""
    alike = "planner-" + "x" * 50
    async with (
        open_journal(shared(database, f"{alike}-a")) as dead,
        open_journal(shared(database, f"{alike}-b")) as heir,
    ):
        await dead.admit(a_record(), [])
        await heir.pending(0, 1)  # its second session, which reads
        let_the_lease_run_out(database, f"{alike}-a")
        assert await heir.take_over() == ["task-1"]
        assert len(await heir.unfinished()) == 1


async def test_a_large_inheritance_comes_in_pieces_the_outbox_first(
    one: PostgresJournal,
    two: PostgresJournal,
    database: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(inheritance, "PIECE", 3)
    for number in range(5):
        await one.admit(a_record(f"t{number}"), [a_status(f"t{number}")])
    let_the_lease_run_out(database, "one")
    pieces = [await two.take_over() for _ in range(4)]
    assert pieces == [[], ["t0", "t1", "t2"], ["t3", "t4"], None]
    copied = [item.event.task_id for item in await two.pending(0, 10)]
    assert copied == [f"t{number}" for number in range(5)]


async def test_a_node_that_wakes_up_between_two_pieces_writes_nothing_more(
    one: PostgresJournal,
    two: PostgresJournal,
    database: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(inheritance, "PIECE", 1)
    records = [(await one.admit(a_record(f"t{number}"), [])).record for number in range(3)]
    let_the_lease_run_out(database, "one")
    assert await two.take_over() == ["t0"]
    for record in records:
        with pytest.raises(JournalLost):
            await one.commit(replace(record, status_version=2), [])
    with pytest.raises(LeaseLost):
        await one.renew()
    async with open_journal(shared(database, "one")) as again:  # what is left is its own again
        assert [record.task_id for record in await again.unfinished()] == ["t1", "t2"]
        assert await two.take_over() is None


async def test_a_large_inheritance_has_one_heir_and_when_that_dies_too_another(
    one: PostgresJournal,
    two: PostgresJournal,
    database: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else two nodes would plan for one robot at once."""
    monkeypatch.setattr(inheritance, "PIECE", 1)
    for number in range(3):
        await one.admit(a_record(f"t{number}"), [])
    let_the_lease_run_out(database, "one")
    async with open_journal(shared(database, "three")) as three:
        assert await two.take_over() == ["t0"]
        assert await three.take_over() is None
        assert await two.take_over() == ["t1"]
        let_the_lease_run_out(database, "one")
        let_the_lease_run_out(database, "two")
        pieces = [await three.take_over() for _ in range(6)]
    taken = [task_id for piece in pieces for task_id in piece or []]
    assert sorted(taken) == ["t0", "t1", "t2"]
    assert pieces[-1] is None


async def test_what_was_inherited_is_read_as_it_stands_and_only_while_it_is_this_nodes(
    one: PostgresJournal, two: PostgresJournal, database: str
) -> None:
    for task_id in ("kept", "ended", "gone"):
        await one.admit(a_record(task_id), [])
    let_the_lease_run_out(database, "one")
    task_ids = await two.take_over()
    assert task_ids is not None
    kept, ended, gone = await two.unfinished(task_ids)
    await two.commit(replace(ended, status_version=2, finished=MOMENT), [])
    async with open_journal(shared(database, "three")) as three:
        await three.commit(replace(gone, status_version=2), [])
        assert await two.unfinished(task_ids) == [kept]


async def test_a_lease_that_ran_out_and_that_nobody_took_can_be_renewed(
    one: PostgresJournal, two: PostgresJournal, database: str
) -> None:
    await one.admit(a_record(), [])
    assert await one.renew()
    let_the_lease_run_out(database, "one")
    assert not await one.renew()  # too late, and told so: it must not judge others just now
    assert await two.take_over() is None


async def test_the_next_process_of_a_name_takes_its_tasks_at_once(
    one: PostgresJournal, database: str
) -> None:
    await one.admit(a_record(), [])
    async with open_journal(shared(database, "one")) as again:
        assert len(await again.unfinished()) == 1
        with pytest.raises(LeaseLost):
            await one.renew()


async def test_an_orderly_stop_leaves_its_tasks_to_the_others_at_once(
    two: PostgresJournal, database: str
) -> None:
    async with open_journal(shared(database, "one")) as one:
        await one.admit(a_record(), [])
    assert await two.take_over() == ["task-1"]


async def test_a_node_that_publishes_nothing_takes_nothing_over(
    one: PostgresJournal, database: str
) -> None:
    await one.admit(a_record(), [a_status()])
    async with open_journal(shared(database, "quiet", outbox=False)) as quiet:
        let_the_lease_run_out(database, "one")
        assert await quiet.take_over() is None


async def test_a_node_that_publishes_nothing_forgets_only_its_own(
    one: PostgresJournal, database: str
) -> None:
    await one.commit(a_record("theirs", finished=MOMENT), [])
    async with open_journal(shared(database, "quiet", outbox=False)) as quiet:
        await quiet.commit(a_record("own", finished=MOMENT), [])
        later = MOMENT + timedelta(days=1)
        assert [record.task_id for record in await quiet.purge(later, 0)] == ["own"]
    assert [record.task_id for record in await one.purge(later, 9)] == ["theirs"]
