"""What every journal promises, the real one and the one in memory."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from messages.problem import ProblemCode, problem
from messages.status import Question, TaskState
from planner_node.journal.postgres.store import PostgresJournal
from planner_node.journal.store import Journal
from planner_node.tasks.record import (
    Event,
    EventKind,
    Exchange,
    Reply,
    StoredEvent,
    TaskFilter,
    TaskRecord,
)
from tests.fakes.journal import MemoryJournal
from tests.fakes.record import MOMENT, a_record, a_status, a_subtask

AnyJournal = Journal | PostgresJournal | MemoryJournal
REPLY = Reply("answers/7", b"\x00\xff", (("traceparent", "00-ab-cd-01"), ("traceparent", "二")))
LATER = MOMENT + timedelta(hours=1)


def a_full_record() -> TaskRecord:
    question = Question(question_id="q-1", text="哪一本書？", options=["紅色", "藍色"])
    return a_record(
        labels=("kitchen",),
        state=TaskState.FAILED,
        previous_state=TaskState.PLANNING,
        status_version=4,
        priority=80,
        attempt=3,
        revision=1,
        queued=MOMENT,
        started=MOMENT,
        finished=LATER,
        question=question,
        exchanges=(Exchange(question, "紅色"),),
        problem=problem(ProblemCode.OUTPUT_TRUNCATED, {"limit": 8}),
        warnings=("unknown field ignored: /colour",),
        subtasks_done=2,
        subtasks_total=5,
        reply=REPLY,
    )


async def payloads(journal: AnyJournal) -> list[bytes]:
    return [item.event.payload for item in await journal.pending(0, 100)]


async def test_admit_of_a_new_task_gives_it_an_arrival(journal: AnyJournal) -> None:
    first = await journal.admit(a_record("a"), [])
    second = await journal.admit(a_record("b"), [])
    assert first.is_new
    assert second.is_new
    assert 0 < first.record.arrival < second.record.arrival


async def test_admit_of_a_known_id_returns_the_stored_task(journal: AnyJournal) -> None:
    first = await journal.admit(a_record(), [a_status()])
    again = await journal.admit(a_record(content_hash="f" * 64), [a_status(text="second")])
    assert not again.is_new
    assert again.record == first.record


async def test_admit_of_a_known_id_writes_no_event(journal: AnyJournal) -> None:
    await journal.admit(a_record(), [a_status()])
    await journal.admit(a_record(), [a_status(text="second")])
    assert await payloads(journal) == [b"QUEUED"]


async def test_admit_of_one_id_by_many_at_once_admits_one(journal: AnyJournal) -> None:
    admissions = await asyncio.gather(*(journal.admit(a_record(), []) for _ in range(20)))
    assert sum(admission.is_new for admission in admissions) == 1


async def test_a_task_reads_back_as_it_was_written(journal: AnyJournal) -> None:
    admitted = (await journal.admit(a_record(), [])).record
    full = replace(a_full_record(), arrival=admitted.arrival)
    await journal.commit(full, [])
    assert await journal.task(full.task_id) == full


async def test_unknown_fields_of_a_command_are_kept(journal: AnyJournal) -> None:
    command = a_record().command.model_copy(update={"colour": "紅"})
    admitted = await journal.admit(a_record(command=command), [])
    stored = await journal.task("task-1")
    assert stored == admitted.record


async def test_a_task_that_never_was_is_none(journal: AnyJournal) -> None:
    assert await journal.task("nobody") is None


async def test_commit_keeps_the_arrival(journal: AnyJournal) -> None:
    admitted = (await journal.admit(a_record(), [])).record
    await journal.commit(a_record(state=TaskState.PLANNING), [])
    stored = await journal.task("task-1")
    assert stored == replace(admitted, state=TaskState.PLANNING)


async def test_commit_without_a_task_stores_its_events(journal: AnyJournal) -> None:
    error = Event(EventKind.ERROR, "壞掉".encode())
    stored = await journal.commit(None, [error])
    assert [item.event for item in stored] == [error]
    assert await journal.pending(0, 10) == stored


async def test_commit_of_nothing_returns_nothing(journal: AnyJournal) -> None:
    assert await journal.commit(None, []) == []


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
    await journal.replay("nobody", [EventKind.STATUS], reply=None)
    assert await journal.pending(0, 10) == []


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (TaskFilter(), ["d", "c", "b", "a"]),
        (TaskFilter(limit=2), ["d", "c"]),
        (TaskFilter(states=(TaskState.PLANNED,)), ["b"]),
        (TaskFilter(states=(TaskState.PLANNED, TaskState.FAILED)), ["c", "b"]),
        (TaskFilter(robot_id="robot-2"), ["d"]),
        (TaskFilter(label="廚房"), ["c", "a"]),
        (TaskFilter(label="廚房", states=(TaskState.FAILED,)), ["c"]),
        (TaskFilter(since=LATER), ["d"]),
        (TaskFilter(cursor=3), ["b", "a"]),
    ],
)
async def test_tasks_are_found_newest_first(
    journal: AnyJournal, wanted: TaskFilter, found: list[str]
) -> None:
    for record in (
        a_record("a", labels=("廚房", "night")),
        a_record("b", state=TaskState.PLANNED),
        a_record("c", state=TaskState.FAILED, labels=("廚房",)),
        a_record("d", robot_id="robot-2", received=LATER),
    ):
        await journal.admit(record, [])
    assert [record.task_id for record in await journal.tasks(wanted)] == found


async def test_unfinished_tasks_come_by_arrival(journal: AnyJournal) -> None:
    for task_id in ("b", "a", "c"):
        await journal.admit(a_record(task_id), [])
    await journal.commit(a_record("a", state=TaskState.PLANNED, finished=LATER), [])
    assert [record.task_id for record in await journal.unfinished()] == ["b", "c"]


async def test_purge_returns_old_finished_tasks_and_forgets_them(journal: AnyJournal) -> None:
    await journal.admit(a_record("running"), [])
    for task_id, finished in (("old", MOMENT), ("new", LATER)):
        stored = await journal.commit(a_record(task_id, finished=finished), [a_status(task_id)])
        await journal.published([stored[0].event_id])
    gone = await journal.purge(before=LATER, max_tasks=100)
    assert [record.task_id for record in gone] == ["old"]
    assert await journal.events("old") == []
    assert [record.task_id for record in await journal.tasks(TaskFilter())] == ["new", "running"]


async def test_purge_takes_the_oldest_of_too_many(journal: AnyJournal) -> None:
    for number in range(5):
        ended = MOMENT + timedelta(minutes=number)
        await journal.commit(a_record(f"t{number}", finished=ended), [])
    gone = await journal.purge(before=MOMENT, max_tasks=3)
    assert [record.task_id for record in gone] == ["t0", "t1"]


async def test_purge_by_age_waits_for_the_outbox(journal: AnyJournal) -> None:
    await journal.commit(a_record(finished=MOMENT), [a_status()])
    assert await journal.purge(before=LATER, max_tasks=100) == []
    assert await payloads(journal) == [b"QUEUED"]


async def test_purge_by_number_does_not_wait_for_the_outbox(journal: AnyJournal) -> None:
    await journal.commit(a_record(finished=MOMENT), [a_status()])
    gone = await journal.purge(before=MOMENT, max_tasks=0)
    assert [record.task_id for record in gone] == ["task-1"]
    assert await payloads(journal) == []


async def test_a_purged_id_can_be_used_again_with_a_later_arrival(journal: AnyJournal) -> None:
    first = await journal.admit(a_record(finished=MOMENT), [])
    await journal.purge(before=LATER, max_tasks=100)
    second = await journal.admit(a_record(), [])
    assert second.is_new
    assert second.record.arrival > first.record.arrival


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


async def test_a_started_journal_is_healthy(journal: AnyJournal) -> None:
    assert (journal.healthy, journal.reason, journal.damage) == (True, "", None)
