"""What is asked of the shared tables, as functions over a connection inside a transaction."""

from collections.abc import Sequence
from typing import Any, Final, LiteralString, TypeAlias

from psycopg import AsyncConnection

from planner_node.journal.rows import (
    Value,
    event_row,
    readable,
    stored_event_of,
    task_of,
    task_row,
    to_ms,
)
from planner_node.tasks.part import Part
from planner_node.tasks.record import Event, StoredEvent, TaskFilter, TaskRecord

Query: TypeAlias = tuple[str, Sequence[Any]]
TASK: Final = "arrival, task_id, robot_id, state, received_ms, finished_ms, command, details"
EVENT: Final = "event_id, task_id, robot_id, kind, payload, reply, replay_of"
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
JUST_EVENTS: Final = (
    f"WITH event AS (SELECT * FROM {_EVENT_ROWS}), appended AS ({_APPEND})"
    " SELECT 0, array_agg(event_id ORDER BY event_id) FROM appended"
)


def admission(node_id: str, record: TaskRecord, events: Sequence[Event], *, pending: bool) -> Query:
    """Return what inserts a task with its events; no row comes back when its id is taken."""
    return _with_task(_ADMIT, node_id, record, columns(events), pending=pending)


def change(
    node_id: str, record: TaskRecord | None, events: Sequence[Event], *, pending: bool
) -> Query:
    """Return what writes a task as it now stands, with its events.

    No row comes back when another node has changed the task since, or when it is another's and
    nothing is published here.
    """
    if record is None:
        return JUST_EVENTS, [*columns(events), pending, node_id]
    put = _PUT if pending else _PUT_UNHEARD
    return _with_task(put, node_id, record, columns(events), pending=pending)


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


def columns(events: Sequence[Event], copies_of: Sequence[int] = ()) -> list[list[Value]]:
    """Return the events' values, a list for each column."""
    originals: Sequence[int | None] = copies_of or [None] * len(events)
    rows = [(*event_row(event), number) for event, number in zip(events, originals, strict=True)]
    return [[row[place] for row in rows] for place in range(6)]


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


async def unfinished(
    connection: AsyncConnection, node_id: str, among: Sequence[str] | None
) -> list[TaskRecord]:
    """Return this node's tasks without an end, by arrival; ``among`` these ids, or all of them."""
    cursor = await connection.execute(
        f"SELECT {TASK} FROM tasks WHERE finished_ms IS NULL AND node_id = %s"
        " AND (%s::text[] IS NULL OR task_id = ANY(%s)) ORDER BY arrival",
        [node_id, among, among],
    )
    return readable(await cursor.fetchall(), task_of)


async def events(connection: AsyncConnection, task_id: str, after_id: int) -> list[StoredEvent]:
    """Return what was said of a task by whichever node, without copies, oldest first."""
    return await events_where(
        connection,
        "task_id = %s AND event_id > %s AND replay_of IS NULL ORDER BY event_id",
        [task_id, after_id],
    )


async def events_where(
    connection: AsyncConnection, condition: LiteralString, values: Sequence[Any]
) -> list[StoredEvent]:
    """Return the readable events for which a condition holds."""
    cursor = await connection.execute(f"SELECT {EVENT} FROM events WHERE {condition}", values)
    return readable(await cursor.fetchall(), stored_event_of)


async def part(connection: AsyncConnection, node_id: str) -> Part | None:
    """Return what was kept of a node's part of a fleet."""
    cursor = await connection.execute(
        "SELECT part_index, configured, count FROM parts WHERE node_id = %s", [node_id]
    )
    row = await cursor.fetchone()
    return None if row is None else Part(*row)


async def keep_part(connection: AsyncConnection, node_id: str, part: Part) -> None:
    """Replace what was kept."""
    await connection.execute(
        "INSERT INTO parts VALUES (%s, %s, %s, %s) ON CONFLICT (node_id) DO UPDATE SET"
        " part_index = excluded.part_index, configured = excluded.configured,"
        " count = excluded.count",
        [node_id, part.index, part.configured, part.count],
    )
