"""Groups: who waits together is committed together, and nobody sinks the others."""

import asyncio
import sqlite3
import threading
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import pytest

from planner_node.errors import JournalLost
from planner_node.journal.admit import Admission
from planner_node.journal.errand import Written
from planner_node.journal.store import Journal
from planner_node.tasks.record import Event, EventKind, StoredEvent, TaskFilter
from tests.fakes.journal import open_journal
from tests.fakes.record import a_record, a_status

Answer = TypeVar("Answer")


class Gate:
    """Holds the writer's thread, so that a test decides who shares a group."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._reached = asyncio.Event()
        self._open = threading.Event()
        self._loop = asyncio.get_running_loop()

    async def __aenter__(self) -> None:
        self._holding = asyncio.create_task(self._journal._writing.do(self._hold))
        await self._reached.wait()

    async def __aexit__(self, *_: object) -> None:
        self._open.set()
        await self._holding

    def _hold(self, connection: sqlite3.Connection) -> Written[None]:
        del connection
        self._loop.call_soon_threadsafe(self._reached.set)
        self._open.wait(10)
        return Written(None)


def started(*calls: Coroutine[Any, Any, Answer]) -> list[asyncio.Task[Answer]]:
    return [asyncio.create_task(call) for call in calls]


async def all_waiting(
    tasks: Sequence[asyncio.Task[Admission] | asyncio.Task[list[StoredEvent]]],
) -> None:
    """Let every task run up to its await."""
    await asyncio.sleep(0)
    assert not any(task.done() for task in tasks)


async def test_those_who_wait_together_share_one_commit(real: Journal) -> None:
    before = real.figures
    async with Gate(real):
        tasks = started(*(real.admit(a_record(f"t{number}"), []) for number in range(50)))
        await all_waiting(tasks)
    await asyncio.gather(*tasks)
    assert real.figures.groups == before.groups + 2  # the gate's own, and everybody's
    assert real.figures.errands == before.errands + 51


async def test_tasks_of_one_group_keep_their_order_and_their_events(real: Journal) -> None:
    heard: list[StoredEvent] = []
    leave = real.listen(heard.extend)
    names = [f"t{number:02}" for number in range(45)]  # statements of 32, 8, 4 and 1 rows
    async with Gate(real):
        between = started(real.commit(None, [a_status("notice")]))
        tasks = started(
            *(
                real.admit(a_record(name, labels=[name]), [a_status(name), a_status(name)])
                for name in names
            )
        )
        await all_waiting(tasks)
    admissions = await asyncio.gather(*tasks)
    await between[0]
    leave()
    assert [one.task_id for one in await real.unfinished()] == names
    arrivals = [one.record.arrival for one in admissions]
    assert arrivals == [one.arrival for one in await real.unfinished()]
    assert [item.event_id for item in heard] == sorted(item.event_id for item in heard)
    assert len(heard) == 2 * len(names) + 1
    for name in names:
        assert await real.events(name) == [item for item in heard if item.event.task_id == name]
    assert [one.task_id for one in await real.tasks(TaskFilter(label="t44"))] == ["t44"]


async def test_a_known_id_among_new_ones_is_told_as_known(real: Journal) -> None:
    first = await real.admit(a_record("known"), [a_status("known")])
    async with Gate(real):
        tasks = started(*(real.admit(a_record(name), []) for name in ("a", "known", "b")))
        await all_waiting(tasks)
    found = await asyncio.gather(*tasks)
    assert [one.is_new for one in found] == [True, False, True]
    assert found[1].record == first.record
    assert [one.task_id for one in await real.unfinished()] == ["known", "a", "b"]


async def test_a_bad_row_fails_alone(real: Journal) -> None:
    lone_surrogate = Event(EventKind.STATUS, b"x", "\ud800")
    async with Gate(real):
        good = started(real.admit(a_record("a"), []), real.admit(a_record("b"), []))
        bad = started(real.commit(a_record("half"), [lone_surrogate]))
        await all_waiting([*good, *bad])
    await asyncio.gather(*good)
    with pytest.raises(JournalLost, match="cannot hold this"):
        await bad[0]
    assert await real.task("half") is None
    assert await real.task("b") is not None
    assert real.healthy


async def test_what_was_sent_before_a_loss_was_heard_shares_it(real: Journal) -> None:
    """Else the younger task would be taken in before the older one, which is sent again."""

    def breaks(connection: sqlite3.Connection) -> Written[None]:
        raise sqlite3.OperationalError("disk full")

    async with Gate(real):
        (older,) = started(real._writing.do(breaks))
        await asyncio.sleep(0)
        groups_hold_256 = started(*(real.admit(a_record(f"t{n}"), []) for n in range(300)))
        await all_waiting(groups_hold_256)
    with pytest.raises(JournalLost, match="disk full"):
        await older
    lost = await asyncio.gather(*groups_hold_256, return_exceptions=True)
    assert {type(one) for one in lost} == {JournalLost}
    assert (await real.admit(a_record("after"), [])).is_new


async def test_a_caller_that_leaves_does_not_hurt_the_group(real: Journal) -> None:
    heard: list[StoredEvent] = []
    leave = real.listen(heard.extend)
    async with Gate(real):
        tasks = started(*(real.admit(a_record(name), [a_status(name)]) for name in ("a", "b")))
        await all_waiting(tasks)
        tasks[0].cancel()
    await tasks[1]
    leave()
    assert tasks[0].cancelled()
    assert await real.task("a") is not None
    assert [item.event.task_id for item in heard] == ["a", "b"]


async def test_the_loop_turns_while_the_disk_works(real: Journal) -> None:
    turns = 0
    async with Gate(real):
        (waiting,) = started(real.admit(a_record(), []))
        for _ in range(100):
            await asyncio.sleep(0)
            turns += 1
        assert not waiting.done()
    await waiting
    assert turns == 100


async def test_a_reader_does_not_wait_for_the_writer(real: Journal) -> None:
    await real.admit(a_record("known"), [])
    async with Gate(real):
        async with asyncio.timeout(5):
            found = await real.task("known")
    assert found is not None


async def test_events_are_numbered_in_the_order_of_their_commits(real: Journal) -> None:
    stored = await asyncio.gather(
        *(real.commit(None, [a_status(text=f"{number}")]) for number in range(30))
    )
    in_order = [item for (item,) in stored]
    assert await real.pending(0, 100) == in_order


async def test_close_commits_what_waits(real: Journal, url: str) -> None:
    async with Gate(real):
        tasks = started(*(real.admit(a_record(f"t{number}"), []) for number in range(5)))
        await all_waiting(tasks)
        (closing,) = started(real.close())
        await asyncio.sleep(0)
    await closing
    assert all(admission.is_new for admission in await asyncio.gather(*tasks))
    async with open_journal(Journal(url, outbox=True, commit_wait_ms=0)) as again:
        assert len(await again.unfinished()) == 5


async def test_a_listener_that_fails_does_not_deafen_the_others(
    real: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(events: Sequence[StoredEvent]) -> None:
        raise RuntimeError(f"cannot bear {len(events)} event")

    heard: list[StoredEvent] = []
    real.listen(broken)
    real.listen(heard.extend)
    stored = await real.commit(None, [a_status()])
    assert heard == stored
    assert "cannot bear 1 event" in caplog.text


async def test_a_listener_may_leave_while_it_is_told(real: Journal) -> None:
    heard: list[int] = []

    def once(events: Sequence[StoredEvent]) -> None:
        heard.append(len(events))
        leave()

    leave = real.listen(once)
    await real.commit(None, [a_status()])
    await real.commit(None, [a_status()])
    assert heard == [1]


async def test_without_an_outbox_nothing_waits_for_a_broker(url: str) -> None:
    async with open_journal(Journal(url, outbox=False, commit_wait_ms=0)) as journal:
        await journal.admit(a_record(), [a_status()])
        await journal.replay("task-1", [EventKind.STATUS], reply=None)
        assert await journal.pending(0, 10) == []
        assert len(await journal.events("task-1")) == 1


async def test_the_journal_can_be_started_again(real: Journal) -> None:
    await real.admit(a_record(), [])
    await real.close()
    await real.start()
    assert not (await real.admit(a_record(), [])).is_new


async def test_microseconds_are_cut_to_what_the_wire_shows(real: Journal) -> None:
    exact = a_record().received
    await real.admit(a_record(received=exact.replace(microsecond=123_999)), [])
    stored = await real.task("task-1")
    assert stored == replace(a_record(), arrival=1, received=exact)


async def test_purge_clears_more_than_one_batch(real: Journal) -> None:
    await asyncio.gather(
        *(
            real.admit(a_record(f"t{number}", finished=a_record().received), [])
            for number in range(250)
        )
    )
    gone = await real.purge(a_record().received.replace(year=2030), max_tasks=1_000)
    assert len(gone) == 250


async def test_purge_gives_the_disk_its_room_back(real: Journal) -> None:
    async def pages() -> int:
        return await real._read(lambda c: int(c.execute("PRAGMA page_count").fetchone()[0]))

    big = a_record(finished=a_record().received)
    await real.commit(big, [a_status(text="x" * 400_000)])
    full = await pages()
    await real.purge(big.received, max_tasks=0)
    assert await pages() < full - 90
