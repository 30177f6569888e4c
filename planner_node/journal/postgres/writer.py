"""The one task that writes: what waits together is one transaction.

How it works. A group runs without savepoints, because it nearly always goes through; where a row
is wrong, all of it runs again with a savepoint each, and the wrong one fails alone. Every group
checks the lease first and notes its transaction's id. When the connection breaks while the commit
is under way, the writer asks the database what became of that transaction before it answers.
What was sent before its sender could hear of a lost group is lost with it, so that order holds.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import Final

import psycopg
from psycopg import AsyncConnection, AsyncCursor

from planner_node.errors import JournalLost, LeaseLost, PlannerError
from planner_node.journal.errand import Answer, Losses
from planner_node.journal.pace import Pace
from planner_node.journal.postgres import lease
from planner_node.journal.postgres.connecting import Address
from planner_node.journal.postgres.doubt import InDoubt, status_of
from planner_node.journal.postgres.errand import Errand, Work
from planner_node.journal.postgres.statements import Query
from planner_node.tasks.record import StoredEvent

log = logging.getLogger(__name__)

MAX_GROUP: Final = 256
PROBE_S: Final = 1.0  # how soon a database that is back is noticed
GROUP_TIMEOUT_S: Final = 20.0
_RETRY: Final = "40"  # SQLSTATE class: serialization failure or deadlock, to be run again
_MAX_RUNS: Final = 3


class Writer:
    """Commits errands in groups, as one process of one node."""

    def __init__(
        self,
        address: Address,
        session: str,
        commit_wait_ms: int,
        on_committed: Callable[[Sequence[StoredEvent]], None],
    ) -> None:
        self.trouble = ""  # why the last commit failed
        self.pace = Pace(commit_wait_ms)
        self.lost_lease: LeaseLost | None = None
        self._address = address
        self._session = session
        self._on_committed = on_committed
        self._losses = Losses()
        self._errands: asyncio.Queue[Errand[object] | None] = asyncio.Queue()
        self._connection: AsyncConnection | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self, connection: AsyncConnection) -> None:
        """Begin to write over a connection."""
        self._connection = connection
        self._task = asyncio.create_task(self._run(), name="journal.writer")

    async def close(self) -> None:
        """Commit what waits, then end."""
        task, self._task = self._task, None
        if task is not None:
            self._errands.put_nowait(None)
            await task

    async def do(self, work: Work[Answer], query: Query | None = None) -> Answer:
        """Send ``query`` and run ``work`` in the next group; returns when the database has it.

        Raises:
            JournalLost: the database refused; nothing of it was written.
            PlannerError: what ``work`` raised; nothing of it was written.
        """
        if self._task is None:
            raise JournalLost("The journal is closed.")
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        heard = self._losses.heard
        self._errands.put_nowait(Errand(work, query, future, heard))  # type: ignore[arg-type]  # invariant in its answer, which only the caller looks at
        return await future

    async def _run(self) -> None:
        while (group := await self._next_group()) is not None:
            began_s = time.monotonic()
            timely = [errand for errand in group if not self._losses.reach(errand)]
            if (timely or not group) and await self._committed(timely):
                taken_s = time.monotonic() - began_s
                self.pace.count(len(timely), taken_s, disk_s=taken_s)  # most of it on the way there
            self._answer(group)
        await self._drop_connection()

    async def _next_group(self) -> list[Errand[object]] | None:
        """Wait for the first errand; in company wait a little for the others."""
        try:
            async with asyncio.timeout(PROBE_S if self.trouble else None):
                first = await self._errands.get()
        except TimeoutError:
            return []  # a group of nobody asks whether the database is back
        if first is None:
            return None
        group = [first]
        if self.pace.patience_s:
            await asyncio.sleep(self.pace.patience_s)
        while len(group) < MAX_GROUP and not self._errands.empty():
            errand = self._errands.get_nowait()
            if errand is None:
                self._errands.put_nowait(None)  # this group first, then the end
                break
            group.append(errand)
        return group

    async def _committed(self, group: Sequence[Errand[object]]) -> bool:
        try:
            async with asyncio.timeout(GROUP_TIMEOUT_S):
                await self._insist(group)
        except InDoubt as doubt:
            if not await self._became_true(doubt.transaction_id):
                self._lose(group, "the connection broke in the middle of a commit")
                return False
        except LeaseLost as error:
            self.lost_lease = error
            self._lose(group, error)
            return False
        except (psycopg.Error, OSError, TimeoutError, JournalLost) as error:
            await self._drop_connection()
            self._lose(group, error)
            return False
        if self.trouble:
            log.info("journal writes again after: %s", self.trouble)
        self.trouble = ""
        return True

    async def _insist(self, group: Sequence[Errand[object]]) -> None:
        """Run the group, again where rows are wrong or two nodes stood in each other's way."""
        apart = False
        for run in range(_MAX_RUNS):
            try:
                return await self._transaction(group, apart=apart)
            except (InDoubt, LeaseLost, OSError):
                raise
            except psycopg.Error as error:
                is_over = _is_connection(error) or run == _MAX_RUNS - 1
                if is_over and not (error.sqlstate or "").startswith(_RETRY):
                    raise
                apart = True
            except Exception:  # noqa: BLE001  whose it is shows when they run apart
                apart = True
        raise JournalLost("The database does not take this group.")

    async def _transaction(self, group: Sequence[Errand[object]], *, apart: bool) -> None:
        if self._connection is None:
            self._connection = await self._address.connect()
        connection, transaction_id, is_complete = self._connection, "", False
        try:
            async with connection.transaction():
                transaction_id = await lease.check(connection, self._address.node_id, self._session)
                await (_apart(connection, group) if apart else _together(connection, group))
                is_complete = True
        except (psycopg.OperationalError, OSError, asyncio.CancelledError) as error:
            await self._drop_connection()
            if is_complete and not (isinstance(error, psycopg.Error) and error.sqlstate):
                raise InDoubt(transaction_id) from error
            raise

    async def _became_true(self, transaction_id: str) -> bool:
        """Ask until the database knows; meanwhile everybody else hears that it cannot write.

        Who closes does not wait for that: at the next start the journal is what the database has.
        """
        while True:
            self._refuse_waiting("the database does not answer in the middle of a commit")
            try:
                async with asyncio.timeout(GROUP_TIMEOUT_S):
                    status = await self._status_of(transaction_id)
            except (psycopg.Error, OSError, TimeoutError) as error:
                log.warning("journal asks again about %s: %s", transaction_id, error)
                status = "unknown"
                await self._drop_connection()
            if status in {"committed", "aborted"}:
                return status == "committed"
            if self._task is None:
                log.warning("journal closes, and nobody knows what became of %s", transaction_id)
                return False
            await asyncio.sleep(PROBE_S)

    async def _status_of(self, transaction_id: str) -> str:
        if self._connection is None:
            self._connection = await self._address.connect()
        return await status_of(self._connection, transaction_id)

    def _refuse_waiting(self, reason: str) -> None:
        self._note(reason)
        waiting = []
        while not self._errands.empty():
            errand = self._errands.get_nowait()
            if errand is None:
                self._errands.put_nowait(None)
                break
            waiting.append(errand)
        self._lose(waiting, reason)
        self._answer(waiting)

    def _lose(self, group: Sequence[Errand[object]], error: object) -> None:
        reason = self._note(error)
        if group:
            self._losses.note(reason)
        for errand in group:
            lost = JournalLost(reason)
            lost.__cause__ = error if isinstance(error, BaseException) else None
            errand.fail(lost)

    def _note(self, error: object) -> str:
        reason = (
            f"The shared journal refuses to write: {str(error).strip() or type(error).__name__}"
        )
        if not self.trouble:
            log.error("! %s", reason)
        self.trouble = reason
        return reason

    def _answer(self, group: Sequence[Errand[object]]) -> None:
        self._losses.tell(self._losses.happened)
        events = [event for errand in group for event in errand.settle()]
        if events:
            self._on_committed(events)

    async def _drop_connection(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()


async def _together(connection: AsyncConnection, group: Sequence[Errand[object]]) -> None:
    """Send all queries at once: on a busy machine each way to the server costs a millisecond."""
    cursors: dict[Errand[object], AsyncCursor] = {}
    async with connection.pipeline():
        for errand in group:
            if errand.query is not None:
                cursors[errand] = await connection.execute(*errand.query)
    for errand in group:
        row = await cursors[errand].fetchone() if errand in cursors else None
        try:
            await errand.run(connection, row)
        except PlannerError as error:  # raised before anything was written
            errand.fail(error)


async def _apart(connection: AsyncConnection, group: Sequence[Errand[object]]) -> None:
    for errand in group:
        await _alone(connection, errand)


async def _alone(connection: AsyncConnection, errand: Errand[object]) -> None:
    try:
        async with connection.transaction():  # a savepoint, inside the group's
            await errand.run_alone(connection)
    except PlannerError as error:
        errand.fail(error)
    except Exception as error:
        if isinstance(error, psycopg.Error) and (
            _is_connection(error) or (error.sqlstate or "").startswith(_RETRY)
        ):
            raise
        lost = JournalLost(f"The journal cannot hold this: {error}")
        lost.__cause__ = error
        errand.fail(lost)


def _is_connection(error: psycopg.Error) -> bool:
    """Tell a database that fails from a row that is wrong: only the latter fails alone."""
    return not isinstance(error, psycopg.DataError | psycopg.IntegrityError)
