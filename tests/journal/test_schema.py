"""The schema only grows, and every earlier one can be opened."""

import sqlite3
from pathlib import Path

import pytest

from planner_node.errors import JournalLost
from planner_node.journal import schema
from planner_node.journal.schema import APPLICATION_ID, MIGRATIONS, migrate
from planner_node.journal.store import Journal
from tests.fakes.journal import open_journal
from tests.fakes.record import a_record

OLDER = range(1, len(MIGRATIONS) + 1)


def opened(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None)


def version_of(path: Path) -> int:
    connection = opened(path)
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    connection.close()
    return int(version)


def write_schema(path: Path, version: int) -> None:
    """Write the file as the release with this schema did."""
    connection = opened(path)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    for number, script in enumerate(MIGRATIONS[:version], start=1):
        connection.executescript(f"{script};PRAGMA user_version = {number};")
    connection.close()


@pytest.mark.parametrize("version", OLDER)
async def test_a_journal_of_an_earlier_schema_is_taken_over(tmp_path: Path, version: int) -> None:
    write_schema(tmp_path / "planner.db", version)
    journal = Journal(f"sqlite:///{tmp_path}/planner.db", outbox=True, commit_wait_ms=0)
    async with open_journal(journal):
        assert (await journal.admit(a_record(), [])).is_new
    assert version_of(tmp_path / "planner.db") == len(MIGRATIONS)


def test_a_new_file_carries_the_newest_version(tmp_path: Path) -> None:
    connection = opened(tmp_path / "planner.db")
    migrate(connection)
    connection.close()
    assert version_of(tmp_path / "planner.db") == len(MIGRATIONS)


def test_a_newer_schema_is_refused_with_advice(tmp_path: Path) -> None:
    connection = opened(tmp_path / "planner.db")
    migrate(connection)
    connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    with pytest.raises(JournalLost, match="run the newer planner-node again"):
        migrate(connection)
    connection.close()


def test_a_step_that_fails_leaves_the_schema_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = opened(tmp_path / "planner.db")
    migrate(connection)
    broken = "CREATE TABLE half_done (a); INSERT INTO no_such_table VALUES (1)"
    monkeypatch.setattr(schema, "MIGRATIONS", (*MIGRATIONS, broken))
    with pytest.raises(sqlite3.OperationalError):
        migrate(connection)
    connection.close()
    connection = opened(tmp_path / "planner.db")
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    connection.close()
    assert version_of(tmp_path / "planner.db") == len(MIGRATIONS)
    assert "half_done" not in tables


def test_migrating_twice_changes_nothing(tmp_path: Path) -> None:
    connection = opened(tmp_path / "planner.db")
    migrate(connection)
    before = connection.execute("SELECT * FROM sqlite_master").fetchall()
    migrate(connection)
    assert connection.execute("SELECT * FROM sqlite_master").fetchall() == before
    connection.close()


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ("SELECT * FROM events WHERE pending = 1 AND event_id > 5 ORDER BY event_id", "outbox"),
        ("SELECT * FROM tasks WHERE finished_ms IS NULL ORDER BY arrival", "tasks_unfinished"),
        ("SELECT * FROM tasks WHERE robot_id = 'r' ORDER BY arrival DESC", "tasks_by_robot"),
        ("SELECT * FROM events WHERE task_id = 't' AND event_id > 5", "events_by_task"),
        (
            "SELECT event_id FROM events WHERE pending = 0 AND kind IN ('NOTICE', 'ERROR') LIMIT 9",
            "events_without_history",
        ),
    ],
)
def test_the_common_questions_have_an_index(tmp_path: Path, query: str, index: str) -> None:
    connection = opened(tmp_path / "planner.db")
    migrate(connection)
    plan = connection.execute(f"EXPLAIN QUERY PLAN {query}").fetchall()
    connection.close()
    assert index in str(plan)
    assert "TEMP B-TREE" not in str(plan)
