"""The thread that writes, and the one crossing between it and the loop.

Rule 1: only this thread touches the writing connection; only the loop touches futures.
Rule 2: what waits together is one transaction and one fsync. Where one errand cannot be written,
        the group is written anew with a savepoint for each, so that the bad one fails alone.
Rule 3: the loop is woken once a group, and an errand whose caller has left is written all the same.
Rule 4: what was sent before its sender could hear of a loss is lost with it, so that order holds.
"""

import asyncio
import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from planner_node.errors import JournalLost, PlannerError
from planner_node.journal.admit import Admit
from planner_node.journal.errand import (
    GLANCE_BYTES,
    PROBE_BYTES,
    Answer,
    Awaited,
    Call,
    Errand,
    Losses,
    Probe,
    Written,
)
from planner_node.journal.file import JournalFile
from planner_node.journal.pace import Pace
from planner_node.tasks.record import StoredEvent

log = logging.getLogger(__name__)

MAX_GROUP: Final = 256
PROBE_S: Final = 1.0  # how soon a disk that has room again is noticed
GLANCE_S: Final = 5.0  # how soon one that refuses is noticed, where nobody has anything to write


class Writer:
    """Commits errands in groups."""

    def __init__(
        self,
        file: JournalFile,
        commit_wait_ms: int,
        on_committed: Callable[[Sequence[StoredEvent]], None],
    ) -> None:
        self._file = file
        self._on_committed = on_committed
        self._errands: queue.SimpleQueue[Errand | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._connection: sqlite3.Connection | None = None
        self._closed = True
        self._losses = Losses()
        # Written by the thread, read by anybody:
        self.trouble = ""  # why the last commit failed
        self.pace = Pace(commit_wait_ms)

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
        return await self.send(partial(Call, work))

    async def send(self, errand: Callable[..., Awaited[Answer]]) -> Answer:
        """Write an errand, made with ``future`` and ``losses_heard``, in the next group.

        Raises:
            JournalLost: the disk refused; nothing of it was written.
        """
        if self._closed or self._loop is None:
            raise JournalLost("The journal is closed.")
        future: asyncio.Future[Answer] = self._loop.create_future()
        self._errands.put(errand(future=future, losses_heard=self._losses.heard))
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
            first = self._errands.get(timeout=PROBE_S if self.trouble else GLANCE_S)
        except queue.Empty:
            return [Probe(PROBE_BYTES if self.trouble else GLANCE_BYTES)]
        if first is None:
            return None
        group = [first]
        if self.pace.patience_s:
            # Asleep, not waiting at the queue: each errand that comes would wake the thread.
            time.sleep(self.pace.patience_s)
        while len(group) < MAX_GROUP:
            try:
                errand = self._errands.get_nowait()
            except queue.Empty:
                break
            if errand is None:
                self._errands.put(None)  # this group first, then the end
                break
            group.append(errand)
        return group

    def _commit(self, group: Sequence[Errand]) -> None:
        # New tasks first, which are written together; events are told in the order of their ids.
        group = sorted(group, key=lambda errand: not isinstance(errand, Admit))
        if timely := [errand for errand in group if not self._losses.reach(errand)]:
            self._write(timely)
        self._call_loop(partial(self._deliver, group, self._losses.happened))

    def _write(self, group: Sequence[Errand]) -> None:
        begun_s = time.monotonic()
        try:
            disk_s = self._transaction(group)
        except (sqlite3.Error, PlannerError) as error:
            self._lose(group, error)
        else:
            self._file.note(max(errand.last_event_id() for errand in group))
            if self.trouble:
                log.info("journal writes again after: %s", self.trouble)
            self.trouble = ""
            self.pace.count(len(group), time.monotonic() - begun_s, disk_s)

    def _transaction(self, group: Sequence[Errand]) -> float:
        """Write the group; return the seconds that the disk took of it."""
        self._file.check_in_place()
        if self._connection is None:
            self._connection = self._file.connect()
        if not _all_at_once(self._connection, group):
            _one_by_one(self._connection, group)
        return _committed_s(self._connection)

    def _lose(self, group: Sequence[Errand], error: Exception) -> None:
        self._drop_connection()
        reason = f"The journal {self._file.path} refuses to write: {error}"
        if not self.trouble:
            log.error("! %s", reason)
        self.trouble = reason
        self._losses.note(reason)
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

    def _deliver(self, group: Sequence[Errand], losses: int) -> None:
        self._losses.tell(losses)
        events = [event for errand in group for event in errand.settle()]
        if events:
            self._on_committed(events)


def _all_at_once(connection: sqlite3.Connection, group: Sequence[Errand]) -> bool:
    """Write the group, all but the commit; False, and rolled back, when one of them cannot be."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        is_whole = _run(connection, group)
    except Exception as error:
        if _is_the_disk(error):
            raise
        is_whole = False
    if not is_whole:
        connection.execute("ROLLBACK")
    return is_whole


def _run(connection: sqlite3.Connection, group: Sequence[Errand]) -> bool:
    """Run a group, its new tasks together; False when one of those is known."""
    admits = [errand for errand in group if isinstance(errand, Admit)]
    if len(admits) > 1:
        if not Admit.together(connection, admits):
            return False
        group = [errand for errand in group if not isinstance(errand, Admit)]
    for errand in group:
        errand.run(connection)
    return True


def _one_by_one(connection: sqlite3.Connection, group: Sequence[Errand]) -> None:
    """Write the group anew, all but the commit; in savepoints, so that a bad one fails alone."""
    connection.execute("BEGIN IMMEDIATE")
    for errand in group:
        _attempt(connection, errand)


def _committed_s(connection: sqlite3.Connection) -> float:
    """Commit; return how long that took, which is the disk's part of a transaction."""
    begun_s = time.monotonic()
    connection.execute("COMMIT")
    return time.monotonic() - begun_s


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
