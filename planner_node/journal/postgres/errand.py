"""One caller's piece of a group: a query sent with the others, and work on what comes back."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, TypeAlias

from psycopg import AsyncConnection

from planner_node.errors import JournalLost
from planner_node.journal.errand import Answer, Written
from planner_node.journal.postgres.statements import Query
from planner_node.tasks.record import StoredEvent

AnyRow: TypeAlias = tuple[Any, ...] | None
Work = Callable[[AsyncConnection, AnyRow], Awaitable[Written[Answer]]]


class Errand(Generic[Answer]):
    """One caller's piece of a group."""

    def __init__(
        self,
        work: Work[Answer],
        query: Query | None,
        future: asyncio.Future[Answer],
        losses_heard: int,
    ) -> None:
        self.losses_heard = losses_heard
        self.query = query  # sent with everybody's, before the work; its row is given to the work
        self._work = work
        self._future = future
        self._written: Written[Answer] | None = None
        self._error: BaseException | None = None

    async def run(self, connection: AsyncConnection, row: AnyRow) -> None:
        """Write, inside the group's transaction."""
        self._error = None
        self._written = await self._work(connection, row)

    async def run_alone(self, connection: AsyncConnection) -> None:
        """Send the query too, and write."""
        row = None
        if self.query is not None:
            row = await (await connection.execute(*self.query)).fetchone()
        await self.run(connection, row)

    def fail(self, error: BaseException) -> None:
        """Remember why nothing was written."""
        self._written, self._error = None, error

    def settle(self) -> Sequence[StoredEvent]:
        """Answer the caller; return the events that are now true."""
        if self._written is None:
            if not self._future.done():
                self._future.set_exception(self._error or JournalLost("Nothing was written."))
            return ()
        if not self._future.done():  # else its caller was cancelled; the rows are there
            self._future.set_result(self._written.answer)
        return self._written.events
