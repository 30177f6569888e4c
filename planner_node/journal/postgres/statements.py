"""What is asked of the shared tables, as functions over a connection inside a transaction."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, LiteralString, TypeAlias

from psycopg import AsyncConnection

from planner_node.journal.replay import RESTATED, last_said, restated
from planner_node.journal.rows import (
    Row,
    Value,
    event_row,
    readable,
    stored_event_of,
    task_of,
    task_row,
    to_ms,
)
from planner_node.tasks.record import Event, EventKind, Reply, StoredEvent, TaskFilter, TaskRecord

Query: TypeAlias = tuple[str, Sequence[Any]]
TASK: Final = "arrival, task_id, robot_id, state, received_ms, finished_ms, command, details"
_EVENT: Final = "event_id, task_id, robot_id, kind, payload, reply, replay_of"
# Two outboxes have no order between them: what one still holds of a task that another node has
# changed since must not be taken for the last word. Asked with the names that count as one node.
_OUTBOX_EVENT: Final = (
    f"{_EVENT}, (replay_of IS NULL OR {RESTATED}) AND EXISTS (SELECT FROM tasks"
    " WHERE tasks.task_id = events.task_id AND tasks.node_id <> ALL(%s))"
)
_LAST_STATUSES: Final = (
    "event_id IN (SELECT max(event_id) FROM events WHERE kind = 'STATUS' AND replay_of IS NULL"
    " AND task_id IN (SELECT task_id FROM tasks WHERE task_id = ANY(%s) AND node_id = %s)"
    " GROUP BY task_id) ORDER BY event_id"
)
_RESTATABLE: Final = (
    "SELECT task_id FROM tasks WHERE node_id = %s AND finished_ms IS NULL UNION ALL"
    " (SELECT task_id FROM tasks WHERE node_id = %s AND finished_ms >= %s"
    " ORDER BY finished_ms DESC LIMIT %s)"
)
WITHOUT_HISTORY: Final = "kind IN ('NOTICE', 'ERROR')"  # once sent, nobody asks for them again
_INSERT_TASK: Final = (
    "INSERT INTO tasks (task_id, robot_id, state, received_ms, finished_ms, command, details,"
    " node_id, status_version) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)"
    " ON CONFLICT (task_id) DO "
)
_ADMIT: Final = f"{_INSERT_TASK} NOTHING RETURNING arrival, true AS is_new"
# Its owner may write a task as it likes; another node only the version after the one it has read,
# and is its owner from then on. A node that publishes nothing writes its own alone, and of those
# none that it accepted when it did publish: the robot would never hear of the change.
_CHANGE: Final = (
    f"{_INSERT_TASK} UPDATE SET robot_id = excluded.robot_id, state = excluded.state,"
    " received_ms = excluded.received_ms, finished_ms = excluded.finished_ms,"
    " command = excluded.command, details = excluded.details, node_id = excluded.node_id,"
    " status_version = excluded.status_version"
    " WHERE tasks.node_id = excluded.node_id"
)
_WRITTEN: Final = " RETURNING arrival, xmax = 0 AS is_new"  # no row was there before
_PUT: Final = (
    f"{_CHANGE} OR (tasks.status_version = excluded.status_version - 1"
    f" AND tasks.finished_ms IS NULL){_WRITTEN}"
)
_PUT_UNHEARD: Final = (
    f"{_CHANGE} AND strpos(tasks.details, '\"over_mqtt\":true') = 0{_WRITTEN}"  # may be no JSON
)
_EVENT_ROWS: Final = (
    "unnest(%s::text[], %s::text[], %s::text[], %s::bytea[], %s::text[], %s::bigint[])"
    " WITH ORDINALITY AS event (task_id, robot_id, kind, payload, reply, replay_of, place)"
)
_APPEND: Final = (
    "INSERT INTO events (task_id, robot_id, kind, payload, reply, replay_of, pending, node_id)"
    " SELECT task_id, robot_id, kind, payload, reply, replay_of, %s::boolean, %s::text"
    " FROM event ORDER BY place RETURNING event_id"
)
_LABEL: Final = (
    "INSERT INTO task_labels SELECT DISTINCT unnest(%s::text[]), arrival FROM task WHERE is_new"
)
# One way to the server and back for a task, its labels and its events: what the task's row does
# not let in, has no events either. One row comes back, or none.
_WITH_EVENTS: Final = (
    f", event AS (SELECT * FROM {_EVENT_ROWS}), gate AS (SELECT 1 FROM task),"
    f" label AS ({_LABEL}), appended AS ("
    + _APPEND.replace(" FROM event ", " FROM event, gate ")
    + ") SELECT arrival, (SELECT array_agg(event_id ORDER BY event_id) FROM appended) FROM task"
)
_JUST_EVENTS: Final = (
    f"WITH event AS (SELECT * FROM {_EVENT_ROWS}), appended AS ({_APPEND})"
    " SELECT 0, array_agg(event_id ORDER BY event_id) FROM appended"
)


def admission(node_id: str, record: TaskRecord, events: Sequence[Event], *, pending: bool) -> Query:
    """Return what inserts a task with its events; no row comes back when its id is taken."""
    return _with_task(_ADMIT, node_id, record, _columns(events), pending=pending)


def change(
    node_id: str, record: TaskRecord | None, events: Sequence[Event], *, pending: bool
) -> Query:
    """Return what writes a task as it now stands, with its events.

    No row comes back when another node has changed the task since, or when it is another's and
    nothing is published here.
    """
    if record is None:
        return _JUST_EVENTS, [*_columns(events), pending, node_id]
    put = _PUT if pending else _PUT_UNHEARD
    return _with_task(put, node_id, record, _columns(events), pending=pending)


def stored(events: Sequence[Event], row: Sequence[Any]) -> list[StoredEvent]:
    """Return the events with the ids that came back."""
    ids = row[1] or []
    return [StoredEvent(number, event) for number, event in zip(ids, events, strict=True)]


def _with_task(
    insert: str, node_id: str, record: TaskRecord, columns: list[list[Value]], *, pending: bool
) -> Query:
    row = [*task_row(record), node_id, record.status_version]
    labels = [*record.command.labels]
    return f"WITH task AS ({insert}){_WITH_EVENTS}", [*row, *columns, labels, pending, node_id]


def _columns(events: Sequence[Event], copies_of: Sequence[int] = ()) -> list[list[Value]]:
    """Return the events' values, a list for each column."""
    originals: Sequence[int | None] = copies_of or [None] * len(events)
    rows = [(*event_row(event), number) for event, number in zip(events, originals, strict=True)]
    return [[row[place] for row in rows] for place in range(6)]


async def replay(
    connection: AsyncConnection,
    node_id: str,
    task_id: str,
    kinds: Collection[EventKind],
    reply: Reply | None,
) -> list[StoredEvent]:
    """Append copies of what was last said of a task, oldest first."""
    originals = [*last_said(await events(connection, task_id, 0), kinds)]
    return await repeat(
        connection,
        node_id,
        [replace(one, event=replace(one.event, reply=reply)) for one in originals],
    )


async def restatable(
    connection: AsyncConnection, node_id: str, since: datetime, max_finished: int
) -> list[str]:
    """Return this node's unfinished tasks, and its newest that finished since then."""
    cursor = await connection.execute(_RESTATABLE, [node_id, node_id, to_ms(since), max_finished])
    return [str(task_id) for (task_id,) in await cursor.fetchall()]


async def restate(
    connection: AsyncConnection, node_id: str, task_ids: Sequence[str]
) -> list[StoredEvent]:
    """Append copies of the last statuses of this node's tasks in place of those that still wait."""
    ids = [*task_ids]
    await connection.execute(
        f"DELETE FROM events WHERE pending AND {RESTATED} AND node_id = %s AND task_id = ANY(%s)",
        [node_id, ids],
    )
    originals = await _events(connection, _LAST_STATUSES, [ids, node_id])
    return await repeat(connection, node_id, [restated(one) for one in originals])


async def repeat(
    connection: AsyncConnection, node_id: str, originals: Sequence[StoredEvent]
) -> list[StoredEvent]:
    """Append copies for this node to publish; they leave the log with that."""
    columns = _columns([one.event for one in originals], [one.event_id for one in originals])
    cursor = await connection.execute(_JUST_EVENTS, [*columns, True, node_id])
    _, ids = await cursor.fetchone() or (0, None)
    return [
        StoredEvent(number, one.event, one.event_id, one.is_overtaken)
        for number, one in zip(ids or [], originals, strict=True)
    ]


async def task(connection: AsyncConnection, task_id: str) -> TaskRecord | None:
    """Return one task."""
    cursor = await connection.execute(f"SELECT {TASK} FROM tasks WHERE task_id = %s", [task_id])
    row = await cursor.fetchone()
    return None if row is None else task_of(row)


async def known(connection: AsyncConnection, task_ids: Sequence[str]) -> set[str]:
    """Return those that the history has, readable or not."""
    cursor = await connection.execute(
        "SELECT task_id FROM tasks WHERE task_id = ANY(%s)", [[*task_ids]]
    )
    return {str(task_id) for (task_id,) in await cursor.fetchall()}


async def owner(connection: AsyncConnection, task_id: str) -> str | None:
    """Return the node that has the task."""
    cursor = await connection.execute("SELECT node_id FROM tasks WHERE task_id = %s", [task_id])
    row = await cursor.fetchone()
    return None if row is None else str(row[0])


async def tasks(connection: AsyncConnection, wanted: TaskFilter) -> list[TaskRecord]:
    """Return the tasks of all nodes that a list asks for, newest first."""
    cursor = await connection.execute(
        f"SELECT {TASK} FROM tasks"
        " WHERE (%(states)s::text[] IS NULL OR state = ANY(%(states)s))"
        " AND (%(robot_id)s::text IS NULL OR robot_id = %(robot_id)s)"
        " AND (%(label)s::text IS NULL OR arrival IN"
        " (SELECT arrival FROM task_labels WHERE label = %(label)s))"
        " AND (%(since_ms)s::bigint IS NULL OR received_ms >= %(since_ms)s)"
        " AND (%(cursor)s::bigint IS NULL OR arrival < %(cursor)s)"
        " ORDER BY arrival DESC LIMIT %(limit)s",
        {
            "states": [state.value for state in wanted.states] or None,
            "robot_id": wanted.robot_id,
            "label": wanted.label,
            "since_ms": None if wanted.since is None else to_ms(wanted.since),
            "cursor": wanted.cursor,
            "limit": max(0, wanted.limit),
        },
    )
    return readable(await cursor.fetchall(), task_of)


async def unfinished(connection: AsyncConnection, node_id: str) -> list[TaskRecord]:
    """Return this node's tasks without an end, by arrival."""
    cursor = await connection.execute(
        f"SELECT {TASK} FROM tasks WHERE finished_ms IS NULL AND node_id = %s ORDER BY arrival",
        [node_id],
    )
    return readable(await cursor.fetchall(), task_of)


async def events(connection: AsyncConnection, task_id: str, after_id: int) -> list[StoredEvent]:
    """Return what was said of a task by whichever node, without copies, oldest first."""
    return await _events(
        connection,
        "task_id = %s AND event_id > %s AND replay_of IS NULL ORDER BY event_id",
        [task_id, after_id],
    )


async def pending(
    connection: AsyncConnection, node_id: str, after_id: int, limit: int
) -> list[StoredEvent]:
    """Return the next events that this node must publish, fewer than ``limit`` only at the end.

    So one that cannot be read makes room for the next.
    """
    found: list[StoredEvent] = []
    while wanted := limit - len(found):
        cursor = await connection.execute(
            f"SELECT {_OUTBOX_EVENT} FROM events"
            " WHERE pending AND node_id = %s AND event_id > %s ORDER BY event_id LIMIT %s",
            [[node_id], node_id, after_id, wanted],
        )
        rows = await cursor.fetchall()
        found += readable(rows, _outbox_event_of)
        if len(rows) < wanted:
            break
        after_id = rows[-1][0]
    return found


async def outbox_of_dead(
    connection: AsyncConnection, dead: Sequence[str], heir: str
) -> list[StoredEvent]:
    """Return what dead nodes had still to publish."""
    cursor = await connection.execute(
        f"SELECT {_OUTBOX_EVENT} FROM events WHERE pending AND node_id = ANY(%s) ORDER BY event_id",
        [[*dead, heir], [*dead]],
    )
    return readable(await cursor.fetchall(), _outbox_event_of)


def _outbox_event_of(row: Row) -> StoredEvent:
    stored = stored_event_of(row[:-1])
    return replace(stored, is_overtaken=bool(row[-1]))


async def outbox_depth(connection: AsyncConnection, node_id: str) -> int:
    """Return how many events this node must still publish."""
    cursor = await connection.execute(
        "SELECT count(*) FROM events WHERE pending AND node_id = %s", [node_id]
    )
    (depth,) = await cursor.fetchone() or (0,)
    return int(depth)


async def publish(connection: AsyncConnection, event_ids: Sequence[int]) -> None:
    """Take events out of the outbox; what has no history leaves the log."""
    ids = [*event_ids]
    await connection.execute(
        "DELETE FROM events WHERE event_id = ANY(%s)"
        f" AND (replay_of IS NOT NULL OR {WITHOUT_HISTORY})",
        [ids],
    )
    await connection.execute(
        "UPDATE events SET pending = false WHERE event_id = ANY(%s) AND pending", [ids]
    )


async def _events(
    connection: AsyncConnection, condition: LiteralString, values: Sequence[Any]
) -> list[StoredEvent]:
    cursor = await connection.execute(f"SELECT {_EVENT} FROM events WHERE {condition}", values)
    return readable(await cursor.fetchall(), stored_event_of)
