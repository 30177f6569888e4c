"""The shared journal as the house sees it: the same calls, over what several nodes remember."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar
from uuid import uuid4

import psycopg
from psycopg import AsyncConnection

from planner_node.clock import monotonic_s
from planner_node.errors import JournalLost, PlannerError, TaskMoved
from planner_node.journal.admit import Admission
from planner_node.journal.chronicle import PURGE_BATCH, Chronicle
from planner_node.journal.elsewhere import elsewhere
from planner_node.journal.errand import Written
from planner_node.journal.postgres import inheritance, lease, outbox, statements
from planner_node.journal.postgres.connecting import Address, not_opened
from planner_node.journal.postgres.errand import AnyRow
from planner_node.journal.postgres.purge import Purge, purge
from planner_node.journal.postgres.schema import migrate
from planner_node.journal.postgres.writer import Writer
from planner_node.tasks.part import Part
from planner_node.tasks.record import Event, EventKind, Reply, StoredEvent, TaskFilter, TaskRecord

log = logging.getLogger(__name__)
_READ_TIMEOUT_S = 20.0
Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Sharing:
    """How this node shares: whether it publishes, and how long it is waited for when it is dead."""

    outbox: bool
    lease_s: float
    commit_wait_ms: int


class PostgresJournal(Chronicle[Writer]):
    """Tasks of several nodes, and the log of what was said about them, in one PostgreSQL.

    Every method raises ``JournalLost`` when the database refuses; then nothing was written.
    ``commit`` raises ``TaskMoved`` where another node has changed the task since it was read.
    """

    is_shared = True
    damage: str | None = None  # the database looks after its own files

    def __init__(self, address: Address, sharing: Sharing) -> None:
        super().__init__(outbox=sharing.outbox)
        self._address = address
        self._node_id = address.node_id
        self._sharing = sharing
        self._session = ""
        self._renewed_s = 0.0
        self._reading: AsyncConnection | None = None
        self._reader_lock = asyncio.Lock()

    async def start(self) -> None:
        """Open the database and begin this node's lease.

        Raises:
            JournalLost: it is not to be had, or newer than this version.
        """
        self._session = uuid4().hex
        self._renewed_s = monotonic_s()
        try:
            connection = await self._opened()
        except (psycopg.Error, OSError) as error:
            raise not_opened(error) from error
        self._writer = Writer(
            self._address, self._session, self._sharing.commit_wait_ms, self._tell
        )
        self._writer.start(connection)

    async def close(self) -> None:
        """Commit what waits and end the lease: what is left is anybody's, and nobody waits."""
        writer = self._writer
        if writer is not None:
            try:
                await writer.do(self._ending)
            except PlannerError as error:
                log.warning("the lease runs out by itself: %s", error)
            self._writer = None
            await self._sight.close()
            await writer.close()
        async with self._reader_lock:
            await self._stop_reading()

    async def renew(self) -> bool:
        """Say that this node is alive; return whether that was in time, by the database's clock.

        Raises:
            JournalLost: the database does not hear it now.
            LeaseLost: too late; the node must end.
        """

        async def work(connection: AsyncConnection, _: AnyRow) -> Written[bool]:
            return Written(await lease.renew(connection, self._node_id, self._sharing.lease_s))

        asked_s = monotonic_s()
        try:
            was_in_time = await self._writing.do(work)
        except JournalLost as error:
            raise self._writing.lost_lease or error from error
        self._renewed_s = asked_s
        return was_in_time

    async def take_over(self) -> list[str] | None:
        """Take a piece of what nodes have left whose lease ran out; each goes to one node once.

        Returns the ids of tasks that are this node's now; None where nothing is left. A node
        without an outbox takes nothing: it could not publish.
        """
        if not self.outbox:
            return None

        async def work(connection: AsyncConnection, _: AnyRow) -> Written[list[str] | None]:
            piece = await inheritance.take_over(connection, self._node_id, self._sharing.lease_s)
            return Written(None) if piece is None else Written(*piece)

        return await self._writing.do(work)

    async def admit(self, record: TaskRecord, events: Sequence[Event]) -> Admission:
        """Take a task in, unless any node knows its id: then nothing is written."""
        query = statements.admission(self._node_id, record, events, pending=self.outbox)

        async def work(connection: AsyncConnection, row: AnyRow) -> Written[Admission]:
            if row is None:
                known = await statements.task(connection, record.task_id)
                if known is None:
                    raise JournalLost(f"Task {record.task_id} was there and is gone.")
                return Written(Admission(known, is_new=False))
            admitted = replace(record, arrival=row[0])
            return Written(Admission(admitted, is_new=True), statements.stored(events, row))

        return await self._writing.do(work, query)

    async def commit(self, record: TaskRecord | None, events: Sequence[Event]) -> list[StoredEvent]:
        """Write a task as it now stands, and what is said about it, in one transaction.

        Raises:
            TaskMoved: another node has changed it since.
            TaskElsewhere: it is not this node's to change, which has no outbox.
        """
        query = statements.change(self._node_id, record, events, pending=self.outbox)

        async def work(connection: AsyncConnection, row: AnyRow) -> Written[list[StoredEvent]]:
            if row is None and record is not None and not self.outbox:
                owner = await statements.owner(connection, record.task_id)
                raise elsewhere(record.task_id, None if owner == self._node_id else owner)
            if row is None:
                raise TaskMoved(task_id=record and record.task_id)
            stored = statements.stored(events, row)
            return Written(stored, stored)

        return await self._writing.do(work, query)

    async def replay(self, task_id: str, kinds: Collection[EventKind], reply: Reply | None) -> bool:
        """Put copies of what was last said of a task into this node's outbox, byte for byte.

        Of STATUS and PLAN the latest, of SUBTASK all lines of the last attempt; ``reply`` replaces
        the first sender's. Without an outbox nothing happens. False when the task is gone.
        """
        if not self.outbox:
            return True

        async def work(connection: AsyncConnection, _: AnyRow) -> Written[bool]:
            copies = await outbox.replay(connection, self._node_id, task_id, kinds, reply)
            is_known = bool(copies) or bool(await statements.known(connection, [task_id]))
            return Written(is_known, copies)

        return await self._writing.do(work)

    async def task(self, task_id: str) -> TaskRecord | None:
        """Return a task of any node, or None if it is not in the history."""
        return await self._read(lambda connection: statements.task(connection, task_id))

    async def known(self, task_ids: Sequence[str]) -> set[str]:
        """Return those that are in the history, of any node."""
        return await self._read(lambda connection: statements.known(connection, task_ids))

    async def tasks(self, wanted: TaskFilter) -> list[TaskRecord]:
        """Return the tasks of all nodes that fit, newest first."""
        return await self._read(lambda connection: statements.tasks(connection, wanted))

    async def unfinished(self, among: Sequence[str] | None = None) -> list[TaskRecord]:
        """Return this node's tasks without ``finished``, by arrival; ``among`` ids, or all.

        Without an outbox none that a node with a broker has accepted.
        """
        return self._without_orphans(
            await self._read(lambda one: statements.unfinished(one, self._node_id, among))
        )

    async def events(self, task_id: str, after_id: int = 0) -> list[StoredEvent]:
        """Return what was said of a task after an event, oldest first, without copies."""
        return await self._read(lambda connection: statements.events(connection, task_id, after_id))

    @property
    def ours_until_s(self) -> float:
        """The end of the lease by this node's own clock; after a pause there may be an heir."""
        return self._renewed_s + self._sharing.lease_s

    async def pending(self, after_id: int, limit: int) -> list[StoredEvent]:
        """Return this node's outbox after an event, oldest first; less than asked at its end."""
        return await self._read(
            lambda connection: outbox.pending(connection, self._node_id, after_id, limit)
        )

    async def outbox_depth(self) -> int:
        """Return how many events of this node nobody has confirmed yet."""
        return await self._read(lambda connection: outbox.depth(connection, self._node_id))

    async def published(self, event_ids: Sequence[int]) -> None:
        """Take events out of the outbox; copies, notices and errors leave the log with that."""

        async def work(connection: AsyncConnection, _: AnyRow) -> Written[None]:
            await outbox.publish(connection, event_ids)
            return Written(None)

        await self._writing.do(work)

    async def part(self) -> Part | None:
        """Return this node's part of a fleet as ``keep_part`` had it last."""
        return await self._read(lambda connection: statements.part(connection, self._node_id))

    async def keep_part(self, part: Part) -> None:
        """Keep which part of a fleet is this node's."""

        async def work(connection: AsyncConnection, _: AnyRow) -> Written[None]:
            await statements.keep_part(connection, self._node_id, part)
            return Written(None)

        await self._writing.do(work)

    async def _purge_batch(self, before: datetime, max_tasks: int) -> list[TaskRecord]:
        whose = None if self.outbox else self._node_id
        limits = Purge(before, max_tasks, PURGE_BATCH, whose)

        async def work(connection: AsyncConnection, _: AnyRow) -> Written[list[TaskRecord]]:
            return Written(await purge(connection, limits))

        return await self._writing.do(work)

    async def _restatable(self, since: datetime, max_finished: int) -> list[str]:
        return await self._read(
            lambda connection: outbox.restatable(connection, self._node_id, since, max_finished)
        )

    async def _restate_batch(self, task_ids: Sequence[str]) -> None:
        async def work(connection: AsyncConnection, _: AnyRow) -> Written[None]:
            return Written(None, await outbox.restate(connection, self._node_id, task_ids))

        await self._writing.do(work)

    async def _opened(self) -> AsyncConnection:
        connection = await self._address.connect()
        try:
            await migrate(connection)
            await lease.claim(connection, self._node_id, self._session, self._sharing.lease_s)
        except BaseException:
            await connection.close()
            raise
        return connection

    async def _ending(self, connection: AsyncConnection, _: AnyRow) -> Written[None]:
        await lease.renew(connection, self._node_id, lease_s=0)
        return Written(None)

    async def _read(self, query: Callable[[AsyncConnection], Awaitable[Found]]) -> Found:
        """Query over the reading connection; one reader at a time."""
        async with self._reader_lock:
            if self._writer is None:
                raise JournalLost("The journal is not open.")
            try:
                async with asyncio.timeout(_READ_TIMEOUT_S):
                    if self._reading is None:
                        self._reading = await self._address.connect()
                    found = await query(self._reading)
            except (psycopg.Error, OSError, TimeoutError, ValueError) as error:
                await self._stop_reading()
                reason = f"The shared journal cannot be read: {error}"
                if not isinstance(error, psycopg.DataError | ValueError):  # what was asked for
                    self._lose_sight(reason)
                raise JournalLost(reason) from error
            except asyncio.CancelledError:
                await self._stop_reading()  # its answer may still be on the way
                raise
        self._sight.regained()
        return found

    async def _stop_reading(self) -> None:
        connection, self._reading = self._reading, None
        if connection is not None:
            await connection.close()
