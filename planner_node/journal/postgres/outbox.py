"""A node's outbox in the shared database: what it must still publish, and what is said again."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from psycopg import AsyncConnection

from planner_node.journal.postgres.statements import (
    EVENT,
    JUST_EVENTS,
    WITHOUT_HISTORY,
    columns,
    events,
    events_where,
)
from planner_node.journal.replay import RESTATED, last_said, restated
from planner_node.journal.rows import Row, readable, stored_event_of, to_ms
from planner_node.tasks.record import EventKind, Reply, StoredEvent

# Two outboxes have no order between them: what waits in one is not the last word where a later
# status was told by another node, or here before this copy of another's was made. Unless a copy of
# that one waits too, and behind it. What is said again of a stream was asked for as it is.
_IS_OVERTAKEN: Final = (
    "(kind = 'STATUS' OR replay_of IS NULL) AND EXISTS (SELECT FROM events AS later"
    " WHERE later.task_id = events.task_id AND later.kind = 'STATUS' AND later.replay_of IS NULL"
    " AND later.event_id > coalesce(events.replay_of, events.event_id)"
    " AND (later.node_id <> events.node_id OR later.event_id < events.event_id)"
    " AND NOT EXISTS (SELECT FROM events AS copy WHERE copy.task_id = events.task_id"
    " AND copy.replay_of = later.event_id AND copy.node_id = events.node_id"
    " AND copy.event_id > events.event_id))"
)
_OUTBOX_EVENT: Final = f"{EVENT}, {_IS_OVERTAKEN}"
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
_INHERITED: Final = (
    f"SELECT event_id, kind = 'SUBTASK' AND {_IS_OVERTAKEN} FROM events"
    " WHERE pending AND node_id = %s ORDER BY event_id LIMIT %s"
)
_COPY: Final = (
    "INSERT INTO events (node_id, task_id, robot_id, kind, payload, reply, replay_of, pending)"
    " SELECT %s, task_id, robot_id, kind, payload, reply, coalesce(replay_of, event_id), true"
    " FROM events WHERE event_id = ANY(%s) ORDER BY event_id RETURNING event_id"
)


async def replay(
    connection: AsyncConnection,
    node_id: str,
    task_id: str,
    kinds: Collection[EventKind],
    reply: Reply | None,
) -> list[StoredEvent]:
    """Append copies of what was last said of a task, oldest first."""
    said = [*last_said(await events(connection, task_id, 0), kinds)]
    originals = [replace(one, event=replace(one.event, reply=reply)) for one in said]
    return await _repeat(connection, node_id, originals)


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
    originals = await events_where(connection, _LAST_STATUSES, [ids, node_id])
    return await _repeat(connection, node_id, [restated(one) for one in originals])


async def _repeat(
    connection: AsyncConnection, node_id: str, originals: Sequence[StoredEvent]
) -> list[StoredEvent]:
    """Append copies for this node to publish; they leave the log with that."""
    values = columns([one.event for one in originals], [one.event_id for one in originals])
    cursor = await connection.execute(JUST_EVENTS, [*values, True, node_id])
    _, ids = await cursor.fetchone() or (0, None)
    return [
        StoredEvent(number, one.event, one.event_id)
        for number, one in zip(ids or [], originals, strict=True)
    ]


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
            [node_id, after_id, wanted],
        )
        rows = await cursor.fetchall()
        found += readable(rows, _outbox_event_of)
        if len(rows) < wanted:
            break
        after_id = rows[-1][0]
    return found


async def inherit(
    connection: AsyncConnection, heir: str, dead: str, limit: int
) -> tuple[int, list[StoredEvent]]:
    """Move what a dead node had still to publish, up to ``limit``, to its heir, as copies.

    Returns how many there were, and the copies, without the lines of plans that came to nothing.
    """
    found = await (await connection.execute(_INHERITED, [dead, limit])).fetchall()
    wanted = [event_id for event_id, is_overtaken in found if not is_overtaken]
    cursor = await connection.execute(_COPY, [heir, wanted])
    copies = [event_id for (event_id,) in await cursor.fetchall()]
    await publish(connection, [event_id for event_id, _ in found])
    cursor = await connection.execute(
        f"SELECT {_OUTBOX_EVENT} FROM events WHERE event_id = ANY(%s) ORDER BY event_id", [copies]
    )
    return len(found), readable(await cursor.fetchall(), _outbox_event_of)


def _outbox_event_of(row: Row) -> StoredEvent:
    stored = stored_event_of(row[:-1])
    return replace(stored, is_overtaken=bool(row[-1]))


async def depth(connection: AsyncConnection, node_id: str) -> int:
    """Return how many events this node must still publish."""
    cursor = await connection.execute(
        "SELECT count(*) FROM events WHERE pending AND node_id = %s", [node_id]
    )
    (number,) = await cursor.fetchone() or (0,)
    return int(number)


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
