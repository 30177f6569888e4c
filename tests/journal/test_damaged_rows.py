"""A row that cannot be read: what is left of its task is told, and nobody is asked to try again."""

import asyncio
import json
import sqlite3
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from planner_node.errors import RowUnreadable
from planner_node.journal.store import Journal
from planner_node.mqtt.feed import Feed
from planner_node.tasks.record import EventKind, TaskFilter
from tests.fakes.journal import open_journal
from tests.fakes.record import MOMENT, a_record, a_status, a_subtask

Damage = Callable[[str, object], None]
TOO_LONG = json.dumps({"instruction": "走", "labels": ["क़" * 129]})


def make(folder: Path) -> Journal:
    return Journal(f"sqlite:///{folder}/planner.db", outbox=True, commit_wait_ms=0)


@pytest.fixture
async def damage(tmp_path: Path) -> Damage:
    """Two tasks on a disk; return what overwrites one column of the first."""
    async with open_journal(make(tmp_path)) as journal:
        for task_id in ("task-0", "task-1"):
            await journal.admit(a_record(task_id), [a_status(task_id)])

    def overwrite(column: str, value: object) -> None:
        with sqlite3.connect(tmp_path / "planner.db") as connection:
            connection.execute(f"UPDATE tasks SET {column} = ? WHERE task_id = 'task-0'", [value])  # noqa: S608  a test's own word
        connection.close()

    return overwrite


@pytest.mark.parametrize(
    ("column", "value", "why"),
    [
        ("command", TOO_LONG, "/labels/0: must have at most 256 characters"),
        ("command", b"\xff", "expected text, found bytes"),
        ("details", "{", "/: Invalid JSON"),
        ("details", "{}", "/content_hash: Field required"),
    ],
)
async def test_what_is_left_of_a_task_is_told(
    tmp_path: Path, damage: Damage, column: str, value: object, why: str
) -> None:
    damage(column, value)
    async with open_journal(make(tmp_path)) as journal:
        known = [one.task_id for one in await journal.unfinished()]
        listed = [one.task_id for one in await journal.tasks(TaskFilter())]
        record = await journal.task("task-0")
        again = await journal.admit(a_record("task-0"), [])
    assert (known, listed) == (["task-0", "task-1"], ["task-1", "task-0"])
    assert record is not None
    assert (record.task_id, record.robot_id, record.received) == ("task-0", "robot-1", MOMENT)
    assert (again.is_new, again.record) == (False, record)
    assert (record.damage or "").startswith(why)


async def test_damage_is_told_in_the_log(
    tmp_path: Path, damage: Damage, caplog: pytest.LogCaptureFixture
) -> None:
    damage("details", "{")
    async with open_journal(make(tmp_path)) as journal:
        await journal.unfinished()
    assert "cannot be read: (1, 'task-0'): /: Invalid JSON" in caplog.text


async def test_what_can_be_read_of_a_damaged_row_is_kept(tmp_path: Path, damage: Damage) -> None:
    damage("command", TOO_LONG)
    async with open_journal(make(tmp_path)) as journal:
        record = await journal.task("task-0")
    assert record is not None
    assert (record.content_hash, record.language) == ("0" * 64, "zh-TW")
    assert "cannot be read" in record.command.instruction


async def test_a_whole_row_is_not_damaged(tmp_path: Path, damage: Damage) -> None:
    del damage
    async with open_journal(make(tmp_path)) as journal:
        assert await journal.task("task-0") == a_record("task-0", arrival=1)


@pytest.mark.parametrize(("column", "value"), [("state", "ASLEEP"), ("received_ms", 2**62)])
async def test_a_row_of_which_nothing_is_certain_is_no_reason_to_try_again(
    tmp_path: Path, damage: Damage, column: str, value: object
) -> None:
    damage(column, value)
    async with open_journal(make(tmp_path)) as journal:
        assert [one.task_id for one in await journal.unfinished()] == ["task-1"]
        with pytest.raises(RowUnreadable):
            await journal.task("task-0")
        with pytest.raises(RowUnreadable):
            await journal.admit(a_record("task-0"), [])
        assert (await journal.admit(a_record("task-2"), [])).is_new


async def test_a_damaged_row_leaves_the_history_like_any_other(
    tmp_path: Path, damage: Damage
) -> None:
    damage("command", TOO_LONG)
    damage("finished_ms", 0)
    async with open_journal(make(tmp_path)) as journal:
        for stored in await journal.pending(0, 9):
            await journal.published([stored.event_id])
        gone = await journal.purge(MOMENT + timedelta(days=1), 10)
    assert [one.task_id for one in gone] == ["task-0"]


async def test_an_unreadable_event_is_not_the_end_of_the_outbox(tmp_path: Path) -> None:
    async with open_journal(make(tmp_path)) as journal:
        said = [a_status("task-0", text=str(number)) for number in range(250)]
        stored = await journal.commit(a_record("task-0"), said)
        with sqlite3.connect(tmp_path / "planner.db") as connection:
            connection.execute("UPDATE events SET kind = 'WHISPER' WHERE event_id % 100 = 7")
        connection.close()
        feed = Feed(journal)
        async with asyncio.timeout(5):
            found = [one for _ in range(3) for one in await feed.following()]
    assert found == [one for one in stored if one.event_id % 100 != 7]


async def test_a_damaged_line_of_a_stream_does_not_keep_the_others_from_being_said_again(
    tmp_path: Path, damage: Damage
) -> None:
    del damage
    async with open_journal(make(tmp_path)) as journal:
        lines = [a_subtask("task-0", seq=0), a_subtask("task-0", seq=1)]
        await journal.commit(None, lines)
        with sqlite3.connect(tmp_path / "planner.db") as connection:
            connection.execute("UPDATE events SET payload = x'00' WHERE event_id = 3")
        connection.close()
        await journal.replay("task-0", [EventKind.SUBTASK], None)
        copies = [one for one in await journal.pending(0, 99) if one.replay_of is not None]
    assert [one.event.payload for one in copies] == [lines[1].payload]
