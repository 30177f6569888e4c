"""A dead node's tasks go to exactly one heir, and the dead write nothing more."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest

from messages.status import TaskState
from planner_node.errors import JournalLost, LeaseLost
from planner_node.journal.postgres.schema import SCHEMA
from planner_node.journal.postgres.store import PostgresJournal
from planner_node.tasks.record import Event, EventKind, StoredEvent
from tests.fakes.journal import open_journal
from tests.fakes.postgresql import let_the_lease_run_out
from tests.fakes.record import MOMENT, a_record, a_status, a_subtask
from tests.journal.conftest import shared


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
    async with open_journal(shared(database, "three")) as three:
        let_the_lease_run_out(database, "one")
        heirs = await asyncio.gather(two.take_over(), three.take_over(), two.take_over())
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


async def test_a_heir_has_the_last_word_of_the_dead_but_not_of_what_a_third_has_changed(
    one: PostgresJournal, two: PostgresJournal, database: str
) -> None:
    await one.admit(a_record("ended", finished=MOMENT), [a_status("ended")])
    changed = (await one.admit(a_record("changed"), [a_status("changed")])).record
    heard: list[StoredEvent] = []
    two.listen(heard.extend)
    async with open_journal(shared(database, "three")) as three:
        await three.commit(replace(changed, status_version=2), [])
        let_the_lease_run_out(database, "one")
        await two.take_over()
    assert [(item.event.task_id, item.is_overtaken) for item in heard] == [
        ("ended", False),
        ("changed", True),
    ]
    assert not (await two.pending(0, 10))[0].is_overtaken


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
    assert await one.renew()
    let_the_lease_run_out(database, "one")
    assert not await one.renew()  # too late, and told so: it must not judge others just now
    assert await two.take_over() == []


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
    assert [record.task_id for record in await two.take_over()] == ["task-1"]


async def test_a_node_that_publishes_nothing_takes_nothing_over(
    one: PostgresJournal, database: str
) -> None:
    await one.admit(a_record(), [a_status()])
    async with open_journal(shared(database, "quiet", outbox=False)) as quiet:
        let_the_lease_run_out(database, "one")
        assert await quiet.take_over() == []


async def test_a_node_that_publishes_nothing_forgets_only_its_own(
    one: PostgresJournal, database: str
) -> None:
    await one.commit(a_record("theirs", finished=MOMENT), [])
    async with open_journal(shared(database, "quiet", outbox=False)) as quiet:
        await quiet.commit(a_record("own", finished=MOMENT), [])
        later = MOMENT + timedelta(days=1)
        assert [record.task_id for record in await quiet.purge(later, 0)] == ["own"]
    assert [record.task_id for record in await one.purge(later, 9)] == ["theirs"]
