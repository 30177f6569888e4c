"""A commit whose answer was lost, and what the database says became of it."""

from psycopg import AsyncConnection
from psycopg.errors import InvalidParameterValue


class InDoubt(Exception):
    """The connection broke while the commit was under way."""

    def __init__(self, transaction_id: str) -> None:
        super().__init__(transaction_id)
        self.transaction_id = transaction_id


async def status_of(connection: AsyncConnection, transaction_id: str) -> str:
    """Return PostgreSQL's word for it: ``committed``, ``aborted`` or ``in progress``."""
    try:
        cursor = await connection.execute("SELECT pg_xact_status(%s::xid8)", [transaction_id])
    except InvalidParameterValue:
        return "aborted"  # still to come, to a database that has fallen back behind it
    (status,) = await cursor.fetchone() or (None,)
    return str(status or "aborted")  # too long ago to be known: it was not answered either
