"""A node's lease on its tasks.

The database's clock decides. A lease that ran out is still good until somebody inherits from it
(``inheritance.py``).
"""

from typing import Final

from psycopg import AsyncConnection

from planner_node.errors import LeaseLost

UNTIL: Final = "clock_timestamp() + make_interval(secs => %(lease_s)s)"


async def claim(connection: AsyncConnection, node_id: str, session: str, lease_s: float) -> None:
    """Begin a lease; an earlier process of the same name has lost its own with that."""
    await connection.execute(
        f"INSERT INTO nodes VALUES (%(node_id)s, %(session)s, {UNTIL}) ON CONFLICT (node_id)"
        f" DO UPDATE SET session = excluded.session, lease_until = {UNTIL}",
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
        f" UPDATE nodes SET lease_until = {UNTIL} FROM before WHERE node_id = %(node_id)s"
        " RETURNING in_time",
        {"node_id": node_id, "lease_s": lease_s},
    )
    (in_time,) = await cursor.fetchone() or (False,)
    return bool(in_time)
