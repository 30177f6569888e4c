"""Tasks on their way in: the errand that comes a thousand times a second, written many at once.

How it works. SQLite lets go of the interpreter's lock with each statement, and the writer then
waits for a busy loop to give it back: one task at a time, 20 of them took 25 ms. So the tasks of a
group are a few statements with many rows, and only where an id is known already one after another.
"""

import asyncio
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice

from planner_node.errors import JournalLost
from planner_node.journal import statements
from planner_node.journal.errand import Awaited, Written
from planner_node.journal.rows import event_row, task_row
from planner_node.tasks.record import Event, TaskRecord


@dataclass(frozen=True, slots=True)
class Admission:
    """A task's way in; when ``is_new`` is False, ``record`` is the stored one."""

    record: TaskRecord
    is_new: bool


class Admit(Awaited[Admission]):
    """One task, and what is said of it, unless its id is known: then nothing is written."""

    def __init__(
        self,
        record: TaskRecord,
        events: Sequence[Event],
        *,
        pending: bool,
        future: asyncio.Future[Admission],
        losses_heard: int,
    ) -> None:
        super().__init__(future, losses_heard)
        self.record = record
        self.row = task_row(record)
        self.events = events
        self.event_rows = [(*event_row(event), None, int(pending)) for event in events]

    def run(self, connection: sqlite3.Connection) -> None:
        arrival = statements.admit(connection, self.row, self.record.command.labels)
        if arrival is None:
            known = _known(connection, self.record.task_id)
            self.written = Written(Admission(known, is_new=False))
        else:
            self.came_in(arrival, statements.append(connection, self.event_rows))

    def came_in(self, arrival: int, event_ids: Sequence[int]) -> None:
        """Note that the task is in, as one that nobody knew."""
        record = replace(self.record, arrival=arrival)
        events = statements.stored(event_ids, self.events)
        self.written = Written(Admission(record, is_new=True), events)

    @staticmethod
    def together(connection: sqlite3.Connection, admits: Sequence["Admit"]) -> bool:
        """Write them all in their order; False when one is known, and the caller must roll back."""
        arrivals = statements.admit_all(connection, [one.row for one in admits])
        if arrivals is None:
            return False
        ids = iter(statements.append(connection, [row for one in admits for row in one.event_rows]))
        for one, arrival in zip(admits, arrivals, strict=True):
            statements.label(connection, arrival, one.record.command.labels)
            one.came_in(arrival, [*islice(ids, len(one.events))])
        return True


def _known(connection: sqlite3.Connection, task_id: str) -> TaskRecord:
    record = statements.task(connection, task_id)
    if record is None:
        raise JournalLost(f"Task {task_id} was there and is gone.")
    return record
