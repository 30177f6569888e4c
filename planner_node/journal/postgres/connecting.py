"""Connections to the shared database: how they are made, and what they are told first."""

from dataclasses import dataclass
from hashlib import sha256
from typing import Final

import psycopg
from psycopg import AsyncConnection
from psycopg.conninfo import make_conninfo

from planner_node.errors import JournalLost
from planner_node.journal.postgres.schema import SCHEMA

CONNECT_TIMEOUT_S: Final = 5
_MAX_NAME_CHARS: Final = 63  # PostgreSQL's own limit
_DIGEST_CHARS: Final = 16
# A node that stands still in the middle of a group must not hold its lease for ever; and a query
# that waits so long for a lock waits for such a node. Compiling a query (jit) takes longer than any
# of ours does.
_FIRST_WORDS: Final = (
    f"SET search_path = {SCHEMA}; SET synchronous_commit = on;"
    " SET idle_in_transaction_session_timeout = '10s'; SET lock_timeout = '15s'; SET jit = off"
)


@dataclass(frozen=True, slots=True)
class Address:
    """Where the database is; without a password libpq looks at PGPASSWORD and ~/.pgpass."""

    url: str
    node_id: str
    password: str | None = None

    async def connect(self) -> AsyncConnection:
        """Return a connection that commits each statement unless told otherwise.

        Raises:
            psycopg.Error: nobody answers, or refuses.
            JournalLost: the URL cannot be read.
        """
        connection = await AsyncConnection.connect(self._conninfo(), autocommit=True)
        try:
            await connection.execute(_FIRST_WORDS)
        except BaseException:
            await connection.close()
            raise
        return connection

    async def look(self) -> None:
        """Connect, and leave again.

        Raises:
            JournalLost: nobody answers, or refuses; or the URL cannot be read.
        """
        try:
            connection = await self.connect()
        except (psycopg.Error, OSError) as error:
            raise not_opened(error) from error
        await connection.close()

    def _conninfo(self) -> str:
        secret = {} if self.password is None else {"password": self.password}
        try:
            return make_conninfo(
                self.url,
                application_name=session_name(self.node_id),
                connect_timeout=CONNECT_TIMEOUT_S,
                keepalives_idle=10,
                tcp_user_timeout=15_000,
                **secret,
            )
        except psycopg.ProgrammingError as error:
            raise JournalLost(
                f"journal.url is not postgresql://user@host/database: {error}"
            ) from error


def session_name(node_id: str) -> str:
    """Return what a node's sessions are called, each node's another: PostgreSQL cuts long names."""
    name = f"planner-node {node_id}"
    if len(name) <= _MAX_NAME_CHARS:
        return name
    digest = sha256(node_id.encode()).hexdigest()[:_DIGEST_CHARS]
    return f"{name[: _MAX_NAME_CHARS - _DIGEST_CHARS - 1]} {digest}"


def not_opened(error: Exception) -> JournalLost:
    """Return the refusal of a database that is away, or keeps us out."""
    return JournalLost(
        f"The shared journal cannot be opened ({str(error).strip()}): check journal.url,"
        " the database and PLANNER__JOURNAL__PASSWORD."
    )
