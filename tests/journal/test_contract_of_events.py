"""What every journal promises of its events: the outbox, replays and listeners."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from planner_node.tasks.record import (
    Event,
    EventKind,
    StoredEvent,
)
from tests.fakes.record import MOMENT, a_record, a_status, a_subtask
from tests.journal.conftest import REPLY, AnyJournal, payloads


async def test_events_come_in_order_after_the_mark(journal: AnyJournal) -> None:
    await journal.commit(None, [a_status("other")])
    stored = await journal.commit(None, [a_status(text=str(number)) for number in range(5)])
    assert await journal.events("task-1") == stored
    assert await journal.events("task-1", stored[2].event_id) == stored[3:]


async def test_an_event_keeps_its_reply(journal: AnyJournal) -> None:
    event = replace(a_status(), reply=REPLY)
    await journal.commit(None, [event])
    assert [item.event for item in await journal.pending(0, 10)] == [event]


async def test_pending_stops_at_the_limit(journal: AnyJournal) -> None:
    stored = await journal.commit(None, [a_status(text=str(number)) for number in range(5)])
    assert await journal.pending(stored[0].event_id, 2) == stored[1:3]


async def test_the_outbox_depth_counts_what_is_not_confirmed(journal: AnyJournal) -> None:
    stored = await journal.commit(None, [a_status(), a_status()])
    await journal.published([stored[0].event_id])
    assert await journal.outbox_depth() == 1


async def test_published_events_leave_the_outbox_and_stay_in_the_history(
    journal: AnyJournal,
) -> None:
    stored = await journal.commit(None, [a_status(text="1"), a_status(text="2")])
    await journal.published([stored[0].event_id])
    assert await journal.pending(0, 10) == stored[1:]
    assert await journal.events("task-1") == stored


@pytest.mark.parametrize("kind", [EventKind.NOTICE, EventKind.ERROR])
async def test_published_answers_without_a_task_leave_the_log(
    journal: AnyJournal, kind: EventKind
) -> None:
    stored = await journal.commit(None, [Event(kind, b"no", "task-1")])
    await journal.published([stored[0].event_id])
    assert await journal.events("task-1") == []


async def test_published_twice_changes_nothing(journal: AnyJournal) -> None:
    stored = await journal.commit(None, [a_status()])
    await journal.published([stored[0].event_id])
    await journal.published([stored[0].event_id, 999])
    assert await journal.events("task-1") == stored


async def test_replay_sends_the_last_word_of_each_kind_again(journal: AnyJournal) -> None:
    said = [
        a_status(text="QUEUED"),
        a_subtask(seq=0),
        a_subtask(seq=0, attempt=2),
        a_subtask(seq=1, attempt=2),
        Event(EventKind.PLAN, b"old plan", "task-1"),
        Event(EventKind.PLAN, b"plan", "task-1"),
        a_status(text="PLANNED"),
    ]
    stored = await journal.commit(a_record(), said)
    await journal.published([item.event_id for item in stored])
    await journal.replay(
        "task-1", {EventKind.STATUS, EventKind.SUBTASK, EventKind.PLAN}, reply=None
    )
    copies = await journal.pending(0, 10)
    assert [item.event for item in copies] == [said[2], said[3], said[5], said[6]]
    assert [item.replay_of for item in copies] == [stored[n].event_id for n in (2, 3, 5, 6)]


async def test_replay_of_a_later_revision_counts_attempts_anew(journal: AnyJournal) -> None:
    said = [a_subtask(seq=0, attempt=2), a_subtask(seq=0, revision=1, attempt=1)]
    stored = await journal.commit(a_record(), said)
    await journal.published([item.event_id for item in stored])
    await journal.replay("task-1", [EventKind.SUBTASK], reply=None)
    assert await payloads(journal) == [said[1].payload]


async def test_replay_goes_to_whoever_asked_again(journal: AnyJournal) -> None:
    await journal.commit(a_record(), [a_status()])
    await journal.replay("task-1", [EventKind.STATUS], reply=REPLY)
    assert [item.event.reply for item in await journal.pending(0, 10)] == [None, REPLY]


async def test_replayed_copies_are_not_in_the_history(journal: AnyJournal) -> None:
    stored = await journal.commit(a_record(), [a_status()])
    await journal.replay("task-1", [EventKind.STATUS], reply=None)
    assert await journal.events("task-1") == stored


async def test_replay_of_an_unknown_task_sends_nothing(journal: AnyJournal) -> None:
    assert not await journal.replay("nobody", [EventKind.STATUS], reply=None)
    assert await journal.pending(0, 10) == []


async def test_replay_tells_a_task_of_which_nothing_was_said_from_one_that_is_gone(
    journal: AnyJournal,
) -> None:
    await journal.admit(a_record(finished=MOMENT), [])
    assert await journal.replay("task-1", [EventKind.STATUS], reply=None)
    await journal.purge(MOMENT + timedelta(days=1), 10)
    assert not await journal.replay("task-1", [EventKind.STATUS], reply=None)


async def test_a_listener_hears_each_commit_until_it_leaves(journal: AnyJournal) -> None:
    heard: list[StoredEvent] = []

    def listener(events: Sequence[StoredEvent]) -> None:
        heard.extend(events)

    leave = journal.listen(listener)
    first = await journal.commit(None, [a_status(text="1"), a_status(text="2")])
    leave()
    await journal.commit(None, [a_status(text="3")])
    assert heard == first


async def test_a_listener_hears_replays_marked_as_such(journal: AnyJournal) -> None:
    stored = await journal.commit(None, [a_status()])
    heard: list[StoredEvent] = []
    leave = journal.listen(heard.extend)
    await journal.replay("task-1", [EventKind.STATUS], reply=None)
    leave()
    assert [item.replay_of for item in heard] == [stored[0].event_id]
