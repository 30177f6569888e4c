"""How the tasks and the outbox of a node that let its lease run out change hands.

How it works. Whoever locks the dead node's row inherits a piece: of the outbox first, then of the
tasks, so that what the dead has said of a task is behind nothing that the heir says of it. With the
first piece the dead node's session ends: should its process only have slept, it can write nothing
more. The row now says whose the rest is, for the length of a lease: one node has all of it, unless
that dies too, or the dead one comes back. With the last piece the row goes.
"""

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from psycopg import AsyncConnection

from planner_node.journal.postgres import outbox
from planner_node.journal.postgres.connecting import session_name
from planner_node.journal.postgres.lease import UNTIL
from planner_node.tasks.record import StoredEvent

Piece: TypeAlias = tuple[list[str], list[StoredEvent]]

PIECE: Final = 500  # tasks or messages of one transaction, so that others wait little, and renew
# A node that was stopped in the middle of a group still holds its lease's row. Its sessions end
# now, and the next look finds the row free. Who may end them: the role itself, no superuser.
_DEAD: Final = (
    "SELECT node_id FROM nodes WHERE node_id <> %(heir)s"
    " AND (lease_until < clock_timestamp() OR session = %(mark)s)"
)
_UNTOUCHED: Final = " AND NOT starts_with(session, 'heir ')"  # nobody has inherited from it yet
_FREE: Final = " LIMIT 1 FOR UPDATE SKIP LOCKED"
_MARK: Final = (
    f"UPDATE nodes SET session = %(mark)s, lease_until = {UNTIL} WHERE node_id = %(dead)s"
)
_END_SESSIONS: Final = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = ANY(%s)"
    " AND usename = current_user AND datname = current_database()"
)
_TASKS: Final = (
    "WITH piece AS (SELECT arrival FROM tasks WHERE finished_ms IS NULL AND node_id = %(dead)s"
    " ORDER BY arrival LIMIT %(piece)s), taken AS (UPDATE tasks SET node_id = %(heir)s FROM piece"
    " WHERE tasks.arrival = piece.arrival RETURNING tasks.arrival, task_id)"
    " SELECT task_id FROM taken ORDER BY arrival"
)


async def take_over(connection: AsyncConnection, heir: str, lease_s: float) -> Piece | None:
    """Take the next piece of what a node has left whose lease has run out; None: nothing is left.

    Returns the ids of unfinished tasks, by arrival, and the copies that the heir publishes: copies,
    because an outbox is read upwards and the originals have earlier ids.
    """
    names = {"heir": heir, "mark": f"heir {heir}"}
    await _end_sessions(connection, names)
    found = await _ids(connection, _DEAD + _FREE, names)
    if not found:
        return None
    dead = found[0]
    await connection.execute(_MARK, {**names, "lease_s": lease_s, "dead": dead})
    taken, copies = await outbox.inherit(connection, heir, dead, PIECE)
    if taken == PIECE:
        return [], copies
    task_ids = await _ids(connection, _TASKS, {"heir": heir, "dead": dead, "piece": PIECE})
    if len(task_ids) < PIECE:
        await connection.execute("DELETE FROM nodes WHERE node_id = %s", [dead])
    return task_ids, copies


async def _end_sessions(connection: AsyncConnection, names: Mapping[str, str]) -> None:
    """End what the dead have open; once, or a new process of the name could not come back."""
    dead = await _ids(connection, _DEAD + _UNTOUCHED, names)
    if dead:
        await connection.execute(_END_SESSIONS, [[session_name(node_id) for node_id in dead]])


async def _ids(connection: AsyncConnection, query: str, values: Mapping[str, Any]) -> list[str]:
    return [row[0] for row in await (await connection.execute(query, values)).fetchall()]
