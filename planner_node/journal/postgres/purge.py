"""How the shared tables forget what is finished."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from psycopg import AsyncConnection

from planner_node.journal.postgres.statements import TASK, WITHOUT_HISTORY
from planner_node.journal.rows import Row, readable, task_of, to_ms
from planner_node.tasks.record import TaskRecord

_WHOSE: Final = "(%s::text IS NULL OR node_id = %s)"
_TASK_ID: Final = 1  # where it stands in TASK


@dataclass(frozen=True, slots=True)
class Purge:
    """What is to be forgotten: too old or too many, ``batch`` at once, of one node or of all."""

    before: datetime
    max_tasks: int
    batch: int
    node_id: str | None


async def purge(connection: AsyncConnection, limits: Purge) -> list[TaskRecord]:
    """Delete finished tasks that are too old or too many, and return them."""
    rows = await _too_old(connection, limits) or await _too_many(connection, limits)
    ids = [row[_TASK_ID] for row in rows]
    await connection.execute(
        f"DELETE FROM events WHERE task_id = ANY(%s) AND NOT ({WITHOUT_HISTORY} AND pending)",
        [ids],
    )
    await connection.execute("DELETE FROM tasks WHERE task_id = ANY(%s)", [ids])
    await connection.execute(
        "DELETE FROM events WHERE event_id IN (SELECT event_id FROM events"
        f" WHERE NOT pending AND {WITHOUT_HISTORY} LIMIT %s)",
        [limits.batch],
    )
    return readable(rows, task_of)


async def _too_old(connection: AsyncConnection, limits: Purge) -> list[Row]:
    """Choose by age; what still waits in an outbox is not over yet."""
    cursor = await connection.execute(
        f"SELECT {TASK} FROM tasks WHERE finished_ms < %s AND {_WHOSE} AND NOT EXISTS"
        " (SELECT 1 FROM events WHERE events.task_id = tasks.task_id AND pending)"
        " ORDER BY finished_ms, arrival LIMIT %s FOR UPDATE SKIP LOCKED",
        [to_ms(limits.before), *[limits.node_id] * 2, limits.batch],
    )
    return await cursor.fetchall()


async def _too_many(connection: AsyncConnection, limits: Purge) -> list[Row]:
    """Choose the oldest above the limit, also those no broker took: the disk is finite."""
    cursor = await connection.execute(
        f"SELECT count(*) FROM tasks WHERE finished_ms IS NOT NULL AND {_WHOSE}",
        [limits.node_id] * 2,
    )
    (finished,) = await cursor.fetchone() or (0,)
    cursor = await connection.execute(
        f"SELECT {TASK} FROM tasks WHERE finished_ms IS NOT NULL AND {_WHOSE}"
        " ORDER BY finished_ms, arrival LIMIT %s FOR UPDATE SKIP LOCKED",
        [*[limits.node_id] * 2, min(limits.batch, max(0, finished - limits.max_tasks))],
    )
    return await cursor.fetchall()
