"""The thread that writes, and the one crossing between it and the loop.

Rule 1: only this thread touches the writing connection; only the loop touches futures.
Rule 2: what waits together is one transaction and one fsync; each errand has its own savepoint,
        so that a bad one fails alone.
Rule 3: the loop is woken once a group, and an errand whose caller has left is written all the same.
"""

import asyncio
import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Generic, Protocol, TypeVar

from planner_node.errors import JournalLost, PlannerError
from planner_node.journal.file import JournalFile
from planner_node.tasks.record import StoredEvent

log = logging.getLogger(__name__)

MAX_GROUP: Final = 256
PROBE_S: Final = 1.0  # how soon a disk that has room again is noticed
_PROBE_BYTES: Final = 65_536

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Written(Generic[Answer]):
    """What an errand made: its caller's answer, and the events for everybody who listens."""

    answer: Answer
    events: Sequence[StoredEvent] = ()


class Errand(Protocol):
    """One caller's piece of a group."""

    def run(self, connection: sqlite3.Connection) -> None:
        """Write, in the writer's thread, inside the group's transaction."""

    def fail(self, error: PlannerError) -> None:
        """Remember, in the writer's thread, why nothing was written."""

    def settle(self) -> Sequence[StoredEvent]:
        """Answer the caller, on the loop; return the events that are now true."""
        ...


class Writer:
    """Commits errands in groups."""

    def __init__(
        self,
        file: JournalFile,
        commit_wait_ms: int,
        on_committed: Callable[[Sequence[StoredEvent]], None],
    ) -> None:
        self._file = file
        self._wait_s = commit_wait_ms / 1_000
        self._on_committed = on_committed
        self._errands: queue.SimpleQueue[Errand | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._connection: sqlite3.Connection | None = None
        self._in_company = False
        self._closed = True
        self.trouble = ""  # why the last commit failed; written by the thread, read by anybody

    async def start(self) -> None:
        """Open the file and start the thread.

        Raises:
            JournalLost: the file cannot be had.
        """
        self._loop = asyncio.get_running_loop()
        opened: asyncio.Future[None] = self._loop.create_future()
        # A daemon, so that a process that forgot to close still ends; SQLite survives worse.
        self._thread = threading.Thread(
            target=self._run, args=(opened,), name="journal.writer", daemon=True
        )
        self._thread.start()
        try:
            await opened
        except BaseException:
            self._errands.put(None)  # left while it was opening: let the file go
            raise
        self._closed = False

    async def close(self) -> None:
        """Commit what waits, then end the thread."""
        if self._closed or self._thread is None:
            return
        self._closed = True
        self._errands.put(None)
        await asyncio.to_thread(self._thread.join)

    async def do(self, work: Callable[[sqlite3.Connection], Written[Answer]]) -> Answer:
        """Run ``work`` in the next group; returns when the disk has it.

        Raises:
            JournalLost: the disk refused; nothing of it was written.
        """
        if self._closed or self._loop is None:
            raise JournalLost("The journal is closed.")
        future: asyncio.Future[Answer] = self._loop.create_future()
        self._errands.put(_Errand(work, future))
        return await future

    def _run(self, opened: asyncio.Future[None]) -> None:
        try:
            self._connection = self._file.open()
        except Exception as error:  # noqa: BLE001  whatever it is, start() must hear it
            self._call_loop(partial(_set, opened, error))
            return
        self._call_loop(partial(_set, opened, None))
        while (group := self._next_group()) is not None:
            self._commit(group)
        self._drop_connection()
        self._file.release()

    def _next_group(self) -> list[Errand] | None:
        """Wait for the first errand; in company wait a little for the others."""
        try:
            first = self._errands.get(timeout=PROBE_S if self.trouble else None)
        except queue.Empty:
            return [_Probe()]
        if first is None:
            return None
        group = [first]
        until = time.monotonic() + (self._wait_s if self._in_company else 0)
        while len(group) < MAX_GROUP:
            try:
                errand = self._errands.get(timeout=max(0, until - time.monotonic()))
            except queue.Empty:
                break
            if errand is None:
                self._errands.put(None)  # this group first, then the end
                break
            group.append(errand)
        self._in_company = len(group) > 1
        return group

    def _commit(self, group: Sequence[Errand]) -> None:
        try:
            self._transaction(group)
        except (sqlite3.Error, PlannerError) as error:
            self._lose(group, error)
        else:
            if self.trouble:
                log.info("journal writes again after: %s", self.trouble)
            self.trouble = ""
        self._call_loop(partial(self._deliver, group))

    def _transaction(self, group: Sequence[Errand]) -> None:
        if self._connection is None:
            self._connection = self._file.connect()
        self._connection.execute("BEGIN IMMEDIATE")
        for errand in group:
            _attempt(self._connection, errand)
        self._connection.execute("COMMIT")

    def _lose(self, group: Sequence[Errand], error: Exception) -> None:
        self._drop_connection()
        reason = f"The journal {self._file.path} refuses to write: {error}"
        if not self.trouble:
            log.error("! %s", reason)
        self.trouble = reason
        for errand in group:
            lost = JournalLost(reason)
            lost.__cause__ = error
            errand.fail(lost)

    def _drop_connection(self) -> None:
        """Close; an open transaction is rolled back with it."""
        if self._connection is None:
            return
        try:
            self._connection.close()
        except sqlite3.Error as error:
            log.warning("journal connection closed badly: %s", error)
        self._connection = None

    def _call_loop(self, callback: Callable[[], None]) -> None:
        if self._loop is None:
            return
        try:
            self._loop.call_soon_threadsafe(callback)
        except RuntimeError:
            log.warning("journal answers nobody: the loop is closed")

    def _deliver(self, group: Sequence[Errand]) -> None:
        events = [event for errand in group for event in errand.settle()]
        if events:
            self._on_committed(events)


class _Errand(Generic[Answer]):
    def __init__(
        self,
        work: Callable[[sqlite3.Connection], Written[Answer]],
        future: asyncio.Future[Answer],
    ) -> None:
        self.future = future
        self._work = work
        self._written: Written[Answer] | None = None
        self._error: PlannerError | None = None

    def run(self, connection: sqlite3.Connection) -> None:
        self._written = self._work(connection)

    def fail(self, error: PlannerError) -> None:
        self._error = error

    def settle(self) -> Sequence[StoredEvent]:
        if self._error is not None or self._written is None:
            if not self.future.done():
                self.future.set_exception(self._error or JournalLost("Nothing was written."))
            return ()
        if not self.future.done():  # else its caller was cancelled; the rows are there
            self.future.set_result(self._written.answer)
        return self._written.events


class _Probe:
    """Asks a disk that refused whether it takes a page again."""

    def run(self, connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM probe")
        connection.execute("INSERT INTO probe VALUES (zeroblob(?))", (_PROBE_BYTES,))

    def fail(self, error: PlannerError) -> None:
        del error

    def settle(self) -> Sequence[StoredEvent]:
        return ()


def _attempt(connection: sqlite3.Connection, errand: Errand) -> None:
    connection.execute("SAVEPOINT errand")
    try:
        errand.run(connection)
    except Exception as error:
        if _is_the_disk(error):
            raise
        connection.execute("ROLLBACK TO errand")
        errand.fail(_refusal(error))
    connection.execute("RELEASE errand")


def _is_the_disk(error: Exception) -> bool:
    """Tell a disk that fails from a row that is wrong: only the latter fails alone."""
    if isinstance(error, sqlite3.IntegrityError | sqlite3.ProgrammingError | sqlite3.DataError):
        return False
    return isinstance(error, sqlite3.Error)


def _refusal(error: Exception) -> PlannerError:
    if isinstance(error, PlannerError):
        return error
    lost = JournalLost(f"The journal cannot hold this: {error}")
    lost.__cause__ = error
    return lost


def _set(future: asyncio.Future[None], error: Exception | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)
