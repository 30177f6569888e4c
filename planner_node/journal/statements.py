"""What is asked of the tables, as functions over a connection inside a transaction."""

import functools
import json
import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from planner_node.journal.replay import RESTATED, last_said, restated
from planner_node.journal.rows import (
    EVENT_COLUMNS,
    TASK_COLUMNS,
    Row,
    Value,
    event_row,
    readable,
    stored_event_of,
    task_of,
    to_ms,
)
from planner_node.tasks.part import Part
from planner_node.tasks.record import (
    Event,
    EventKind,
    Reply,
    StoredEvent,
    TaskFilter,
    TaskRecord,
)

_AMONG: Final = "event_id IN (SELECT value FROM json_each(?))"
WITHOUT_HISTORY: Final = "kind IN ('NOTICE', 'ERROR')"  # once sent, nobody asks for them again
_ADMIT: Final = (
    "INSERT INTO tasks (task_id, robot_id, state, received_ms, finished_ms, command, details)"
)
_UNLESS_KNOWN: Final = " ON CONFLICT (task_id) DO NOTHING"
_CHANGE: Final = (
    "UPDATE tasks SET robot_id = ?, state = ?, received_ms = ?, finished_ms = ?, command = ?,"
    " details = ? WHERE task_id = ?"
)
_APPEND: Final = "INSERT INTO events (task_id, robot_id, kind, payload, reply, replay_of, pending)"
_LAST_STATUSES: Final = (
    "event_id IN (SELECT max(event_id) FROM events WHERE kind = 'STATUS' AND replay_of IS NULL"
    " AND task_id IN (SELECT value FROM json_each(?)) GROUP BY task_id) ORDER BY event_id"
)
_RESTATABLE: Final = (
    "SELECT task_id FROM tasks WHERE finished_ms IS NULL UNION ALL SELECT * FROM"
    " (SELECT task_id FROM tasks WHERE finished_ms >= ? ORDER BY finished_ms DESC LIMIT ?)"
)
_PIECES: Final = (64, 32, 16, 8, 4, 2, 1)  # rows of one statement: few texts, each prepared once


def part(connection: sqlite3.Connection) -> Part | None:
    """Return what was kept of this node's part of a fleet."""
    row = connection.execute("SELECT part_index, configured, count FROM part").fetchone()
    return None if row is None else Part(*row)


def keep_part(connection: sqlite3.Connection, part: Part) -> None:
    """Replace what was kept."""
    values = (part.index, part.configured, part.count)
    connection.execute("INSERT OR REPLACE INTO part VALUES (1, ?, ?, ?)", values)


def admit(connection: sqlite3.Connection, row: Row, labels: Sequence[str]) -> int | None:
    """Insert a task and return its arrival, or None when its id is taken."""
    arrivals = admit_all(connection, [row])
    if arrivals is None:
        return None
    label(connection, arrivals[0], labels)
    return arrivals[0]


def admit_all(connection: sqlite3.Connection, rows: Sequence[Row]) -> list[int] | None:
    """Insert tasks without labels and return their arrivals; None when an id is taken.

    Then some of the others may have been inserted: the caller rolls back, unless it was one alone.
    """
    return _insert(connection, _ADMIT, rows, _UNLESS_KNOWN)


def label(connection: sqlite3.Connection, arrival: int, labels: Sequence[str]) -> None:
    """Write a new task's labels."""
    if labels:
        pairs = [(one, arrival) for one in labels]
        connection.executemany("INSERT OR IGNORE INTO task_labels VALUES (?, ?)", pairs)


def put(connection: sqlite3.Connection, row: Row, labels: Sequence[str]) -> None:
    """Write a task's row as it now stands; labels count when the task is first seen."""
    task_id, *rest = row
    if connection.execute(_CHANGE, (*rest, task_id)).rowcount == 0:
        admit(connection, row, labels)


def append(connection: sqlite3.Connection, rows: Sequence[Row]) -> list[int]:
    """Add events to the log and return their ids, which grow."""
    event_ids = _insert(connection, _APPEND, rows)
    if event_ids is None:
        raise sqlite3.InternalError("an inserted row has no id")
    return event_ids


def stored(event_ids: Sequence[int], events: Sequence[Event]) -> list[StoredEvent]:
    """Put events together with their ids."""
    return [StoredEvent(one, event) for one, event in zip(event_ids, events, strict=True)]


def replay(
    connection: sqlite3.Connection, task_id: str, kinds: Collection[EventKind], reply: Reply | None
) -> list[StoredEvent]:
    """Append copies of what was last said of a task, oldest first."""
    originals = last_said(events(connection, task_id, 0), kinds)
    return _repeat(
        connection, [replace(one, event=replace(one.event, reply=reply)) for one in originals]
    )


def restatable(connection: sqlite3.Connection, since: datetime, max_finished: int) -> list[str]:
    """Return the unfinished tasks, and the newest that finished since then."""
    rows = connection.execute(_RESTATABLE, (to_ms(since), max_finished))
    return [task_id for (task_id,) in rows]


def restate(connection: sqlite3.Connection, task_ids: Sequence[str]) -> list[StoredEvent]:
    """Append copies of tasks' last statuses in place of those that still wait, oldest first."""
    ids = json.dumps([*task_ids])
    connection.execute(
        f"DELETE FROM events WHERE pending = 1 AND {RESTATED}"  # noqa: S608  our own constant
        " AND task_id IN (SELECT value FROM json_each(?))",
        (ids,),
    )
    originals = _events(connection, _LAST_STATUSES, [ids])
    return _repeat(connection, [restated(one) for one in originals])


def _repeat(connection: sqlite3.Connection, originals: Sequence[StoredEvent]) -> list[StoredEvent]:
    ids = append(connection, [(*event_row(one.event), one.event_id, 1) for one in originals])
    pairs = zip(ids, originals, strict=True)
    return [StoredEvent(number, one.event, one.event_id) for number, one in pairs]


def known(connection: sqlite3.Connection, task_ids: Sequence[str]) -> set[str]:
    """Return those that the history has, readable or not."""
    asked = "SELECT task_id FROM tasks WHERE task_id IN (SELECT value FROM json_each(?))"
    return {row[0] for row in connection.execute(asked, (json.dumps([*task_ids]),))}


def task(connection: sqlite3.Connection, task_id: str) -> TaskRecord | None:
    """Return one task."""
    row = connection.execute(
        f"SELECT {TASK_COLUMNS} FROM tasks WHERE task_id = ?",  # noqa: S608  our own column names
        (task_id,),
    ).fetchone()
    return None if row is None else task_of(row)


def tasks(connection: sqlite3.Connection, wanted: TaskFilter) -> list[TaskRecord]:
    """Return the tasks a list asks for, newest first."""
    conditions, values = _conditions(wanted)
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    return _records(
        connection,
        f"SELECT {TASK_COLUMNS} FROM tasks {where} ORDER BY arrival DESC LIMIT ?",  # noqa: S608  conditions are ours, values are bound
        [*values, max(0, wanted.limit)],  # SQLite takes -1 for no limit
    )


def unfinished(connection: sqlite3.Connection) -> list[TaskRecord]:
    """Return the tasks without an end, by arrival."""
    return _records(
        connection,
        f"SELECT {TASK_COLUMNS} FROM tasks WHERE finished_ms IS NULL ORDER BY arrival",  # noqa: S608  our own column names
        [],
    )


def events(connection: sqlite3.Connection, task_id: str, after_id: int) -> list[StoredEvent]:
    """Return what was said of a task, without copies, oldest first."""
    return _events(
        connection,
        "task_id = ? AND event_id > ? AND replay_of IS NULL ORDER BY event_id",
        [task_id, after_id],
    )


def pending(connection: sqlite3.Connection, after_id: int, limit: int) -> list[StoredEvent]:
    """Return the next events that nobody has confirmed yet, fewer than ``limit`` only at the end.

    So one that cannot be read makes room for the next.
    """
    found: list[StoredEvent] = []
    while wanted := limit - len(found):
        rows = connection.execute(
            f"SELECT {EVENT_COLUMNS} FROM events"  # noqa: S608  our own column names
            " WHERE pending = 1 AND event_id > ? ORDER BY event_id LIMIT ?",
            (after_id, wanted),
        ).fetchall()
        found += readable(rows, stored_event_of)
        if len(rows) < wanted:
            break
        after_id = rows[-1][0]
    return found


def outbox_depth(connection: sqlite3.Connection) -> int:
    """Return how many events nobody has confirmed yet."""
    (depth,) = connection.execute("SELECT count(*) FROM events WHERE pending = 1").fetchone()
    return int(depth)


def publish(connection: sqlite3.Connection, event_ids: Sequence[int]) -> None:
    """Take events out of the outbox; what has no history leaves the log."""
    ids = json.dumps([*event_ids])  # one parameter, so one step for all of them
    connection.execute(
        f"DELETE FROM events WHERE {_AMONG} AND (replay_of IS NOT NULL OR {WITHOUT_HISTORY})",  # noqa: S608  our own constants
        (ids,),
    )
    connection.execute(f"UPDATE events SET pending = 0 WHERE {_AMONG}", (ids,))  # noqa: S608  as above


def _insert(
    connection: sqlite3.Connection, into: str, rows: Sequence[Row], unless: str = ""
) -> list[int] | None:
    """Insert rows in their order and return their ids; None when one was not inserted.

    Ids of one statement follow each other: both tables give the next one to each row, and nobody
    else writes.
    """
    ids: list[int] = []
    while place := len(rows) - len(ids):
        size = next(size for size in _PIECES if size <= place)
        piece = rows[len(ids) : len(ids) + size]
        cursor = connection.execute(
            f"{into} VALUES {_marks(len(piece[0]), size)}{unless}",
            [value for row in piece for value in row],
        )
        last = cursor.lastrowid
        if cursor.rowcount != size or last is None:
            return None
        ids.extend(range(last - size + 1, last + 1))
    return ids


@functools.cache
def _marks(columns: int, rows: int) -> str:
    return ", ".join([f"({', '.join('?' * columns)})"] * rows)


def _conditions(wanted: TaskFilter) -> tuple[list[str], list[Value]]:
    conditions: list[str] = []
    values: list[Value] = []

    def add(condition: str, *given: Value) -> None:
        conditions.append(condition)
        values.extend(given)

    if wanted.states:
        marks = ", ".join("?" * len(wanted.states))
        add(f"state IN ({marks})", *(state.value for state in wanted.states))
    if wanted.robot_id is not None:
        add("robot_id = ?", wanted.robot_id)
    if wanted.label is not None:
        add("arrival IN (SELECT arrival FROM task_labels WHERE label = ?)", wanted.label)
    if wanted.since is not None:
        add("received_ms >= ?", to_ms(wanted.since))
    if wanted.cursor is not None:
        add("arrival < ?", wanted.cursor)
    return conditions, values


def _records(
    connection: sqlite3.Connection, query: str, values: Sequence[Value]
) -> list[TaskRecord]:
    return readable(connection.execute(query, values), task_of)


def _events(
    connection: sqlite3.Connection, condition: str, values: Sequence[Value]
) -> list[StoredEvent]:
    rows = connection.execute(
        f"SELECT {EVENT_COLUMNS} FROM events WHERE {condition}",  # noqa: S608  conditions are ours, values are bound
        values,
    )
    return readable(rows, stored_event_of)
