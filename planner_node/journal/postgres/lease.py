"""A node's lease on its tasks, and how the tasks of a node that let it run out change hands.

The database's clock decides. A lease that ran out is still good until somebody takes it over, and
that happens once: whoever does locks the row, and the row is gone with the commit.
"""

from typing import Final

from psycopg import AsyncConnection

from planner_node.errors import LeaseLost
from planner_node.journal.postgres import statements
from planner_node.tasks.record import StoredEvent

_UNTIL: Final = "clock_timestamp() + make_interval(secs => %(lease_s)s)"
# A node that was stopped in the middle of a group still holds its lease's row. Its session ends
# now, and the next look finds the row free. Who may end it: the role itself, no superuser.
_END_SESSIONS: Final = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity JOIN nodes"
    " ON application_name = left('planner-node ' || node_id, 63)"
    " WHERE lease_until < clock_timestamp() AND node_id <> %s"
    " AND usename = current_user AND datname = current_database()"
)
_DEAD: Final = (
    "SELECT node_id FROM nodes WHERE lease_until < clock_timestamp() AND node_id <> %s"
    " FOR UPDATE SKIP LOCKED"
)


async def claim(connection: AsyncConnection, node_id: str, session: str, lease_s: float) -> None:
    """Begin a lease; an earlier process of the same name has lost its own with that."""
    await connection.execute(
        f"INSERT INTO nodes VALUES (%(node_id)s, %(session)s, {_UNTIL}) ON CONFLICT (node_id)"
        f" DO UPDATE SET session = excluded.session, lease_until = {_UNTIL}",
        {"node_id": node_id, "session": session, "lease_s": lease_s},
    )


async def check(connection: AsyncConnection, node_id: str, session: str) -> str:
    """Hold the lease for the length of the transaction; return the transaction's id.

    Raises:
        LeaseLost: somebody else has this node's tasks, or its name.
    """
    cursor = await connection.execute(
        "SELECT session = %s, pg_current_xact_id()::text FROM nodes WHERE node_id = %s FOR SHARE",
        [session, node_id],
    )
    is_ours, transaction_id = await cursor.fetchone() or (False, "")
    if not is_ours:
        raise LeaseLost(
            "Another process has taken over this node's tasks: the node did not renew its lease"
            " in time, or a second node runs under the same node_id. Start it again.",
            node_id=node_id,
        )
    return str(transaction_id)


async def renew(connection: AsyncConnection, node_id: str, lease_s: float) -> bool:
    """Let the lease run anew, ``lease_s`` 0 ends it; return whether it had not run out yet."""
    cursor = await connection.execute(
        "WITH before AS (SELECT lease_until >= clock_timestamp() AS in_time FROM nodes"
        " WHERE node_id = %(node_id)s)"
        f" UPDATE nodes SET lease_until = {_UNTIL} FROM before WHERE node_id = %(node_id)s"
        " RETURNING in_time",
        {"node_id": node_id, "lease_s": lease_s},
    )
    (in_time,) = await cursor.fetchone() or (False,)
    return bool(in_time)


async def take_over(
    connection: AsyncConnection, node_id: str
) -> tuple[list[str], list[StoredEvent]]:
    """Take the tasks and the outbox of every node whose lease has run out.

    Returns the ids of the unfinished tasks, and the copies that this node publishes: copies,
    because an outbox is read upwards and the originals have earlier ids.
    """
    await connection.execute(_END_SESSIONS, [node_id])
    dead = [row[0] for row in await (await connection.execute(_DEAD, [node_id])).fetchall()]
    if not dead:
        return [], []
    cursor = await connection.execute(
        "UPDATE tasks SET node_id = %s WHERE finished_ms IS NULL AND node_id = ANY(%s)"
        " RETURNING task_id",
        [node_id, dead],
    )
    task_ids = [row[0] for row in await cursor.fetchall()]
    copies = await _take_outbox(connection, node_id, dead)
    await connection.execute("DELETE FROM nodes WHERE node_id = ANY(%s)", [dead])
    return task_ids, copies


async def _take_outbox(
    connection: AsyncConnection, node_id: str, dead: list[str]
) -> list[StoredEvent]:
    originals = await statements.outbox_of_dead(connection, dead, node_id)
    copies = await statements.repeat(connection, node_id, originals)
    await statements.publish(connection, [one.event_id for one in originals])
    return copies
