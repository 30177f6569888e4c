"""The journal as the house sees it: async calls over one writer and one reader thread."""

import asyncio
import math
import sqlite3
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from typing import TypeVar

from planner_node.errors import JournalLost
from planner_node.journal import statements
from planner_node.journal.admit import Admission, Admit
from planner_node.journal.chronicle import PURGE_BATCH, Chronicle
from planner_node.journal.elsewhere import elsewhere
from planner_node.journal.errand import Written
from planner_node.journal.file import JournalFile, path_of
from planner_node.journal.purge import purge
from planner_node.journal.rows import event_row, task_row
from planner_node.journal.writer import Writer
from planner_node.tasks.part import Part
from planner_node.tasks.record import (
    Event,
    EventKind,
    Reply,
    StoredEvent,
    TaskFilter,
    TaskRecord,
)

Found = TypeVar("Found")


class Journal(Chronicle[Writer]):
    """Tasks, and the log of what was said about them, in one SQLite file.

    Every method raises ``JournalLost`` when the disk refuses; then nothing was written.
    """

    is_shared = False

    def __init__(self, url: str, *, outbox: bool, commit_wait_ms: int) -> None:
        super().__init__(outbox=outbox)
        self._url = url
        self._commit_wait_ms = commit_wait_ms
        self._file: JournalFile | None = None
        self._reader: ThreadPoolExecutor | None = None
        self._reading: sqlite3.Connection | None = None

    async def start(self) -> None:
        """Open the file, or move a damaged one aside (see ``damage``) and begin anew.

        Where only its end is lost, the new one has what comes before.

        Raises:
            JournalLost: the file is in use, not ours, newer than this version, or not to be had.
        """
        self._file = JournalFile(path_of(self._url))
        writer = Writer(self._file, self._commit_wait_ms, self._tell)
        await writer.start()
        self._writer = writer
        self._reader = ThreadPoolExecutor(max_workers=1, thread_name_prefix="journal.reader")

    async def close(self) -> None:
        """Commit what waits and let the file go; later calls raise JournalLost."""
        writer, self._writer = self._writer, None
        reader, self._reader = self._reader, None
        await self._sight.close()
        if reader is not None:
            await asyncio.get_running_loop().run_in_executor(reader, self._stop_reading)
            reader.shutdown()
        if writer is not None:
            await writer.close()

    @property
    def damage(self) -> str | None:
        """What happened to a damaged file at the start, for people; None when all was well."""
        return None if self._file is None else self._file.damage

    async def admit(self, record: TaskRecord, events: Sequence[Event]) -> Admission:
        """Take a task in, unless its id is known: then nothing is written."""
        return await self._writing.send(partial(Admit, record, events, pending=self.outbox))

    async def commit(self, record: TaskRecord | None, events: Sequence[Event]) -> list[StoredEvent]:
        """Write a task as it now stands, and what is said about it, in one transaction.

        Raises:
            TaskElsewhere: a node with a broker has accepted it, and this one has none.
        """
        if record is not None and record.over_mqtt and not self.outbox:
            raise elsewhere(record.task_id)
        row = None if record is None else task_row(record)
        labels = [] if record is None else record.command.labels
        event_rows = [(*event_row(event), None, int(self.outbox)) for event in events]

        def work(connection: sqlite3.Connection) -> Written[list[StoredEvent]]:
            if row is not None:
                statements.put(connection, row, labels)
            stored = statements.stored(statements.append(connection, event_rows), events)
            return Written(stored, stored)

        return await self._writing.do(work)

    async def replay(self, task_id: str, kinds: Collection[EventKind], reply: Reply | None) -> bool:
        """Put copies of what was last said of a task into the outbox, byte for byte.

        Of STATUS and PLAN the latest, of SUBTASK all lines of the last attempt; ``reply`` replaces
        the first sender's. Without an outbox there is nobody to send to, and nothing happens.
        Returns False when the task is not in the history any more.
        """
        if not self.outbox:
            return True

        def work(connection: sqlite3.Connection) -> Written[bool]:
            copies = statements.replay(connection, task_id, kinds, reply)
            is_known = bool(copies) or bool(statements.known(connection, [task_id]))
            return Written(is_known, copies)

        return await self._writing.do(work)

    async def task(self, task_id: str) -> TaskRecord | None:
        """Return a task, or None if it is not in the history."""
        return await self._read(lambda connection: statements.task(connection, task_id))

    async def known(self, task_ids: Sequence[str]) -> set[str]:
        """Return those that are in the history."""
        return await self._read(lambda connection: statements.known(connection, task_ids))

    async def tasks(self, wanted: TaskFilter) -> list[TaskRecord]:
        """Return the tasks that fit, newest first."""
        return await self._read(lambda connection: statements.tasks(connection, wanted))

    async def unfinished(self) -> list[TaskRecord]:
        """Return the tasks whose ``finished`` is not set, by arrival.

        Without an outbox none that a node with a broker has accepted.
        """
        return self._without_orphans(await self._read(statements.unfinished))

    async def events(self, task_id: str, after_id: int = 0) -> list[StoredEvent]:
        """Return what was said of a task after an event, oldest first, without copies."""
        return await self._read(lambda connection: statements.events(connection, task_id, after_id))

    @property
    def ours_until_s(self) -> float:
        """For ever: a journal of its own is shared with nobody."""
        return math.inf

    async def pending(self, after_id: int, limit: int) -> list[StoredEvent]:
        """Return the outbox after an event, oldest first; fewer than ``limit`` only at its end."""
        return await self._read(lambda connection: statements.pending(connection, after_id, limit))

    async def outbox_depth(self) -> int:
        """Return how many events nobody has confirmed yet."""
        return await self._read(statements.outbox_depth)

    async def published(self, event_ids: Sequence[int]) -> None:
        """Take events out of the outbox; copies, notices and errors leave the log with that."""

        def work(connection: sqlite3.Connection) -> Written[None]:
            statements.publish(connection, event_ids)
            return Written(None)

        await self._writing.do(work)

    async def part(self) -> Part | None:
        """Return this node's part of a fleet as ``keep_part`` had it last."""
        return await self._read(statements.part)

    async def keep_part(self, part: Part) -> None:
        """Keep which part of a fleet is this node's."""

        def work(connection: sqlite3.Connection) -> Written[None]:
            statements.keep_part(connection, part)
            return Written(None)

        await self._writing.do(work)

    async def _purge_batch(self, before: datetime, max_tasks: int) -> list[TaskRecord]:
        def work(connection: sqlite3.Connection) -> Written[list[TaskRecord]]:
            return Written(purge(connection, before, max_tasks, PURGE_BATCH))

        return await self._writing.do(work)

    async def _restatable(self, since: datetime, max_finished: int) -> list[str]:
        return await self._read(
            lambda connection: statements.restatable(connection, since, max_finished)
        )

    async def _restate_batch(self, task_ids: Sequence[str]) -> None:
        def work(connection: sqlite3.Connection) -> Written[None]:
            return Written(None, statements.restate(connection, task_ids))

        await self._writing.do(work)

    async def _read(self, query: Callable[[sqlite3.Connection], Found]) -> Found:
        if self._reader is None:
            raise JournalLost("The journal is not open.")
        loop = asyncio.get_running_loop()
        try:
            found = await loop.run_in_executor(self._reader, self._ask, query)
        except JournalLost as error:
            if isinstance(error.__cause__, sqlite3.Error):  # else it is what was asked for
                self._lose_sight(str(error))
            raise
        self._sight.regained()
        return found

    def _ask(self, query: Callable[[sqlite3.Connection], Found]) -> Found:
        """Query over the reader thread's own connection; called in that thread only."""
        if self._file is None:
            raise JournalLost("The journal is not open.")
        try:
            if self._reading is None:
                self._reading = self._file.connect(read_only=True)
            return query(self._reading)
        except (sqlite3.Error, ValueError) as error:
            self._stop_reading()
            raise JournalLost(f"The journal cannot be read: {error}") from error

    def _stop_reading(self) -> None:
        """Close the reader thread's connection; called in that thread only."""
        if self._reading is not None:
            self._reading.close()
            self._reading = None
