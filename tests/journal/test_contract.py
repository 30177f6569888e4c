"""What every journal promises of its tasks, the real ones and the one in memory."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from messages.problem import ProblemCode, problem
from messages.status import Question, TaskState
from planner_node.tasks.part import Part
from planner_node.tasks.record import (
    Event,
    EventKind,
    Exchange,
    TaskFilter,
    TaskRecord,
)
from tests.fakes.record import MOMENT, a_record, a_status
from tests.journal.conftest import REPLY, AnyJournal, payloads

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
        losses=1,
        revision=1,
        queued=MOMENT,
        started=MOMENT,
        asked=MOMENT,
        finished=LATER,
        question=question,
        exchanges=(Exchange(question, "紅色"),),
        problem=problem(ProblemCode.OUTPUT_TRUNCATED, {"limit": 8}),
        warnings=("unknown field ignored: /colour",),
        subtasks_done=2,
        streamed=True,
        subtasks_total=5,
        reply=REPLY,
        expires=MOMENT,
    )


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


async def test_a_started_journal_is_healthy(journal: AnyJournal) -> None:
    assert (journal.healthy, journal.reason, journal.damage) == (True, "", None)


async def test_known_are_those_that_the_history_has(journal: AnyJournal) -> None:
    for task_id in ("a", "b", "c"):
        await journal.admit(a_record(task_id), [])
    assert await journal.known(["c", "a", "nobody"]) == {"a", "c"}
    assert await journal.known([]) == set()


async def test_a_nodes_part_of_the_fleet_is_what_was_kept_last(journal: AnyJournal) -> None:
    assert await journal.part() is None
    for count in (3, 4):
        await journal.keep_part(Part(index=2, configured=2, count=count))
    assert await journal.part() == Part(2, 2, 4)
