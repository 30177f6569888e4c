"""How the tables forget what is finished."""

import sqlite3
from datetime import datetime
from typing import Final

from planner_node.journal.rows import TASK_COLUMNS, Row, readable, task_of, to_ms
from planner_node.journal.statements import WITHOUT_HISTORY
from planner_node.tasks.record import TaskRecord

_TASK_ID: Final = TASK_COLUMNS.split(", ").index("task_id")
_VACUUM_PAGES: Final = 256  # 1 MiB a batch goes back to the disk


def purge(
    connection: sqlite3.Connection, before: datetime, max_tasks: int, batch: int
) -> list[TaskRecord]:
    """Delete up to ``batch`` finished tasks that are too old or too many; return them."""
    rows = _too_old(connection, before, batch) or _too_many(connection, max_tasks, batch)
    ids = [(row[_TASK_ID],) for row in rows]
    connection.executemany(
        f"DELETE FROM events WHERE task_id = ? AND NOT ({WITHOUT_HISTORY} AND pending = 1)",  # noqa: S608  our own constant
        ids,
    )
    connection.executemany("DELETE FROM tasks WHERE task_id = ?", ids)
    connection.execute(
        "DELETE FROM events WHERE event_id IN (SELECT event_id FROM events"  # noqa: S608  our own constant
        f" WHERE pending = 0 AND {WITHOUT_HISTORY} LIMIT ?)",
        (batch,),
    )
    _give_back(connection)
    return readable(rows, task_of)


def _give_back(connection: sqlite3.Connection) -> None:
    """Return free pages to the disk, one a statement: sqlite3 steps this pragma only once."""
    (free_pages,) = connection.execute("PRAGMA freelist_count").fetchone()
    for _ in range(min(free_pages, _VACUUM_PAGES)):
        connection.execute("PRAGMA incremental_vacuum(1)")


def _too_old(connection: sqlite3.Connection, before: datetime, batch: int) -> list[Row]:
    """Choose by age; what still waits in the outbox is not over yet."""
    return connection.execute(
        f"SELECT {TASK_COLUMNS} FROM tasks WHERE finished_ms < ? AND NOT EXISTS"  # noqa: S608  our own column names
        " (SELECT 1 FROM events WHERE events.task_id = tasks.task_id AND pending = 1)"
        " ORDER BY finished_ms LIMIT ?",
        [to_ms(before), batch],
    ).fetchall()


def _too_many(connection: sqlite3.Connection, max_tasks: int, batch: int) -> list[Row]:
    """Choose the oldest above the limit, also those no broker took: the disk is finite."""
    (finished,) = connection.execute(
        "SELECT count(*) FROM tasks WHERE finished_ms IS NOT NULL"
    ).fetchone()
    return connection.execute(
        f"SELECT {TASK_COLUMNS} FROM tasks WHERE finished_ms IS NOT NULL"  # noqa: S608  our own column names
        " ORDER BY finished_ms LIMIT ?",
        [min(batch, max(0, finished - max_tasks))],
    ).fetchall()
