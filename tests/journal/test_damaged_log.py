"""A write-ahead log that is lost after a kill, wholly or in part: told, kept, and lived with."""

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from planner_node.errors import JournalLost
from tests.fakes.journal import open_journal
from tests.fakes.record import a_record, a_status
from tests.journal.conftest import fill, make, moved_aside


async def leave_as_killed(folder: Path, tasks: int = 50) -> Path:
    """Return a folder with what a kill leaves of tasks of which the second half is in the log."""
    half = tasks // 2
    await fill(folder, half)
    killed = folder / "killed"
    killed.mkdir()
    async with open_journal(make(folder)) as journal:
        for number in range(half, tasks):
            await journal.admit(a_record(f"task-{number}"), [a_status(f"task-{number}")])
        for name in ("planner.db", "planner.db-wal", "planner.db.lock"):
            shutil.copy(folder / name, killed / name)
    return killed


def change(path: Path, place: int, content: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(place)
        file.write(content)


def log_of(journal: Path) -> Path:
    return journal.with_name(f"{journal.name}-wal")


LOG_HARMS = {
    "missing": Path.unlink,
    "no header": lambda path: change(path, 8, b"\xff" * 16),
    "hole": lambda path: change(path, 60_000, b"\xff" * 100),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:60_000]),
}


@pytest.mark.parametrize("how", LOG_HARMS)
async def test_a_damaged_log_is_told_and_kept_and_what_comes_before_goes_on(
    tmp_path: Path, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    killed = await leave_as_killed(tmp_path)
    LOG_HARMS[how](killed / "planner.db-wal")
    harmed = [
        path.read_bytes() for path in sorted(killed.glob("planner.db*")) if ".lock" not in path.name
    ]
    async with open_journal(make(killed)) as journal:
        stored = [record.task_id for record in await journal.unfinished()]
    assert stored == [f"task-{number}" for number in range(len(stored))]
    assert 25 <= len(stored) < 50
    aside = moved_aside(killed)
    kept = [aside.read_bytes(), log_of(aside).read_bytes()]
    assert kept[: len(harmed)] == harmed
    assert journal.damage is not None
    assert f"is now {aside.name}" in journal.damage
    assert journal.damage in caplog.text


@pytest.mark.parametrize("last", ["planner.db", "planner.db-wal", "planner.db.carried"])
async def test_a_start_that_was_killed_while_it_set_aside_is_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last: str
) -> None:
    killed = await leave_as_killed(tmp_path)
    LOG_HARMS["hole"](log_of(killed / "planner.db"))
    shutil.copytree(killed, tmp_path / "left alone")
    async with open_journal(make(tmp_path / "left alone")) as journal:
        left = await journal.unfinished()
    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", killed_at(last))
        with pytest.raises(JournalLost, match="killed"):
            await make(killed).start()
    for is_first in (True, False):
        async with open_journal(make(killed)) as journal:
            assert await journal.unfinished() == left
            assert (moved_aside(killed).name in (journal.damage or "")) is is_first
    assert log_of(moved_aside(killed)).exists()
    assert not [*killed.glob("*.carried*")]


def killed_at(last: str) -> Callable[[Path, Path], Path]:
    """Return a rename that does not come to this file."""
    rename = Path.rename

    def renamed(path: Path, target: Path) -> Path:
        if path.name == last:
            raise OSError("killed")
        return rename(path, target)

    return renamed


async def test_after_a_damaged_log_nothing_is_said_under_a_name_that_was_used(
    tmp_path: Path,
) -> None:
    killed = await leave_as_killed(tmp_path)
    (killed / "planner.db-wal").unlink()
    async with open_journal(make(killed)) as journal:
        assert {record.attempt for record in await journal.unfinished()} == {2}
        (told,) = await journal.commit(None, [a_status()])
    assert told.event_id > 50
    async with open_journal(make(killed)) as journal:
        assert journal.damage is None


async def test_a_killed_journal_that_somebody_looked_into_is_whole(tmp_path: Path) -> None:
    """The sqlite3 shell writes the log into the file and removes it."""
    killed = await leave_as_killed(tmp_path)
    with sqlite3.connect(killed / "planner.db") as shell:
        shell.execute("SELECT count(*) FROM tasks").fetchone()
    shell.close()
    assert not (killed / "planner.db-wal").exists()
    async with open_journal(make(killed)) as journal:
        assert len(await journal.unfinished()) == 50
        assert journal.damage is None


async def test_a_commit_that_was_torn_by_a_power_failure_is_no_damage(tmp_path: Path) -> None:
    killed = await leave_as_killed(tmp_path)
    log = killed / "planner.db-wal"
    used_bytes = len(log.read_bytes().rstrip(b"\0"))
    change(log, used_bytes, b"\xff" * 5_000)
    async with open_journal(make(killed)) as journal:
        assert len(await journal.unfinished()) == 50
        assert journal.damage is None


async def test_a_log_behind_an_unreadable_file_is_kept_too(tmp_path: Path) -> None:
    killed = await leave_as_killed(tmp_path)
    (killed / "planner.db").write_bytes(b"this was a database once" * 400)
    log = (killed / "planner.db-wal").read_bytes()
    async with open_journal(make(killed)) as journal:
        assert journal.damage is not None
    assert log_of(moved_aside(killed)).read_bytes() == log


def forget_behind_the_index(path: Path) -> None:
    """Delete a task, but not what an index has of it."""
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        row = connection.execute(
            "SELECT * FROM sqlite_master WHERE name = 'tasks_by_robot'"
        ).fetchone()
        connection.execute("DELETE FROM sqlite_master WHERE name = 'tasks_by_robot'")
    connection.close()
    with sqlite3.connect(path) as connection:
        connection.execute("DELETE FROM tasks WHERE task_id = 'task-3'")
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("INSERT INTO sqlite_master VALUES (?, ?, ?, ?, ?)", row)
    connection.close()


async def test_what_is_not_whole_without_its_log_does_not_go_on(tmp_path: Path) -> None:
    killed = await leave_as_killed(tmp_path)
    log_of(killed / "planner.db").unlink()
    forget_behind_the_index(killed / "planner.db")
    async with open_journal(make(killed)) as journal:
        assert await journal.unfinished() == []
        assert journal.damage is not None
        assert "older tasks are not known here" in journal.damage
    assert not [*killed.glob("*.carried*")]
