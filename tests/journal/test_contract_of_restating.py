"""What every journal promises of last statuses that are said again for late joiners."""

import math
from dataclasses import replace
from datetime import timedelta

import pytest

from messages.status import TaskState
from planner_node.journal.chronicle import RESTATE_BATCH
from planner_node.journal.postgres.store import PostgresJournal
from planner_node.tasks.record import EventKind, StoredEvent
from tests.fakes.record import MOMENT, a_record, a_status
from tests.journal.conftest import REPLY, AnyJournal, payloads

DAY_AGO = MOMENT - timedelta(days=1)
MANY = 100


async def tell(journal: AnyJournal, task_id: str, *texts: str, ended_s: float = math.nan) -> None:
    """Admit a task, say this of it, and let all be published."""
    is_ended = not math.isnan(ended_s)
    record = a_record(task_id)
    if is_ended:
        finished = MOMENT + timedelta(seconds=ended_s)
        record = replace(record, state=TaskState.PLANNED, finished=finished)
    said = [replace(a_status(task_id, text), reply=REPLY) for text in texts]
    await journal.admit(record, said)
    await publish(journal)


async def publish(journal: AnyJournal) -> None:
    await journal.published([one.event_id for one in await journal.pending(0, 10_000)])


async def test_the_last_status_is_said_again_to_nobody_but_late_joiners(
    journal: AnyJournal,
) -> None:
    await tell(journal, "task-1", "QUEUED", "PLANNING")
    said = await journal.events("task-1")
    heard: list[StoredEvent] = []
    leave = journal.listen(heard.extend)
    await journal.restate(DAY_AGO, MANY)
    leave()
    (copy,) = await journal.pending(0, 10)
    assert copy.event == replace(said[-1].event, robot_id=None, reply=None)
    assert (copy.replay_of, heard) == (said[-1].event_id, [copy])
    assert await journal.events("task-1") == said
    await publish(journal)
    assert await journal.pending(0, 10) == []


async def test_unfinished_tasks_and_the_newest_finished_ones_are_restated(
    journal: AnyJournal,
) -> None:
    await tell(journal, "unfinished", "waits")
    await tell(journal, "old", "too old", ended_s=-86_401)
    for number in (2, 3, 1):
        await tell(journal, f"finished-{number}", f"ended {number}", ended_s=number)
    await journal.restate(DAY_AGO, 2)
    assert sorted(await payloads(journal)) == [b"ended 2", b"ended 3", b"waits"]


async def test_an_empty_journal_restates_nothing(journal: AnyJournal) -> None:
    await journal.restate(DAY_AGO, MANY)
    assert await journal.pending(0, 10) == []


async def test_more_than_a_batch_is_restated_whole(journal: AnyJournal) -> None:
    for number in range(RESTATE_BATCH + 1):
        await tell(journal, f"t{number}", str(number))
    await journal.restate(DAY_AGO, MANY)
    assert await journal.outbox_depth() == RESTATE_BATCH + 1


async def test_what_is_restated_again_waits_once(journal: AnyJournal) -> None:
    await tell(journal, "task-1", "QUEUED")
    await journal.restate(DAY_AGO, MANY)
    await journal.replay("task-1", [EventKind.STATUS], reply=None)  # somebody's answer stays
    await journal.restate(DAY_AGO, MANY)
    robots = [one.event.robot_id for one in await journal.pending(0, 10)]
    assert robots == ["robot-1", None]


async def test_a_copy_comes_behind_what_waits_and_before_what_is_said_later(
    journal: AnyJournal,
) -> None:
    await journal.admit(a_record(), [a_status(text="1"), a_status(text="2")])
    await journal.restate(DAY_AGO, MANY)
    await journal.commit(a_record(status_version=2), [a_status(text="3")])
    assert await payloads(journal) == [b"1", b"2", b"2", b"3"]


async def test_a_node_restates_its_own_tasks_alone(
    one: PostgresJournal, two: PostgresJournal
) -> None:
    await tell(one, "of-one", "1")
    await tell(two, "of-two", "2")
    await tell(two, "ended-at-two", "3", ended_s=0)
    await one.restate(DAY_AGO, MANY)
    assert (await payloads(one), await payloads(two)) == ([b"1"], [])


@pytest.mark.parametrize("is_first", [True, False])
async def test_what_another_node_has_changed_since_is_its_own_to_say(
    one: PostgresJournal, two: PostgresJournal, *, is_first: bool
) -> None:
    await tell(one, "task-1", "1")
    if is_first:
        await one.restate(DAY_AGO, MANY)
    await two.commit(a_record(status_version=2), [a_status(text="2")])
    if not is_first:
        await one._restate_batch(["task-1"])  # chosen before that change
    assert [item.is_overtaken for item in await one.pending(0, 10)] == [True] * is_first
