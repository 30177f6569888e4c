"""The live record of every unfinished task, and the one gate through which each changes.

How it works: whoever wants to change a task holds its gate, reads the record, commits the next one
and lets go. What lost the race finds a state that has no row for its event, and that is its answer.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from messages.status import QueuePosition, TaskState
from planner_node.clock import Clock
from planner_node.errors import JournalLost, TaskMoved, TaskNotFound
from planner_node.planner.backoff import Backoff
from planner_node.planner.ports import TaskJournal
from planner_node.planner.report import Reporter
from planner_node.planner.story import tell
from planner_node.tasks.lifecycle import TERMINAL, TaskEvent, advance
from planner_node.tasks.record import Event, Reply, TaskRecord

T = TypeVar("T")


@dataclass(slots=True)
class _Gate:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    users: int = 0


class Ledger:
    """Every change of a task goes through here; the journal hears of it first."""

    def __init__(self, journal: TaskJournal, reporter: Reporter, clock: Clock) -> None:
        self._journal = journal
        self._reporter = reporter
        self._clock = clock
        self._gates: dict[str, _Gate] = {}
        self._live: dict[str, TaskRecord] = {}
        self.ended: Counter[TaskState] = Counter()  # since the start, by the state they ended in

    @asynccontextmanager
    async def hold(self, task_id: str) -> AsyncIterator[None]:
        """Keep everybody else from changing this task, known or not yet known."""
        gate = self._gates.setdefault(task_id, _Gate())
        gate.users += 1
        try:
            async with gate.lock:
                yield
        finally:
            gate.users -= 1
            if gate.users == 0:
                del self._gates[task_id]

    def live(self, task_id: str) -> TaskRecord | None:
        """Return an unfinished task as it stands; None if it has ended or is not known here."""
        return self._live.get(task_id)

    async def find(self, task_id: str) -> TaskRecord | None:
        """Return the task as it stands here, finished or not; None if nobody knows it.

        Where several nodes write, another may have changed it: a commit would tell. Who only
        answers asks for the ``newest``.
        """
        return self._live.get(task_id) or await self._journal.task(task_id)

    async def newest(self, task_id: str) -> TaskRecord | None:
        """Return the task as it stands, whichever node changed it last; None if nobody knows it."""
        if not self._journal.is_shared:
            return await self.find(task_id)
        stored = await self._journal.task(task_id)
        if stored is None or self.knows(stored):  # after the read: it may have moved meanwhile
            return self._live.get(task_id) or stored
        self._live.pop(task_id, None)
        return stored

    def knows(self, stored: TaskRecord) -> bool:
        """Whether the task is live here, and stands no further on in the journal."""
        live = self._live.get(stored.task_id)
        return live is not None and stored.status_version <= live.status_version

    async def get(self, task_id: str) -> TaskRecord:
        """Return the task as it stands here.

        Raises:
            TaskNotFound: nobody knows it.
        """
        return _known(await self.find(task_id), task_id)

    async def get_newest(self, task_id: str) -> TaskRecord:
        """Return the task as it stands, whichever node changed it last.

        Raises:
            TaskNotFound: nobody knows it.
        """
        return _known(await self.newest(task_id), task_id)

    def adopt(self, record: TaskRecord) -> None:
        """Take an unfinished task, as the journal has it, into the live ones."""
        self._live[record.task_id] = record

    async def move(
        self,
        record: TaskRecord,
        event: TaskEvent,
        *,
        before: Callable[[TaskRecord], Sequence[Event]] = lambda _: (),
        queue: QueuePosition | None = None,
        asker: Reply | None = None,
    ) -> TaskRecord:
        """Commit the task's next state, after what ``before`` says of it; the gate is held.

        ``asker`` says what is to be echoed to whoever asked for the change, and where.

        Raises:
            IllegalTransition: the state has no row for the event; nothing was said.
            JournalLost: nothing was said either.
        """
        state = advance(record.state, event)
        moved = replace(
            record,
            state=state,
            previous_state=record.state,
            status_version=record.status_version + 1,
            **self._stamp(state),
        )
        await self._commit(moved, [*before(moved), *self._told(moved, queue, asker)])
        if state in TERMINAL:
            self.ended[state] += 1
        tell(moved)
        return moved

    async def touch(
        self, record: TaskRecord, queue: QueuePosition | None, asker: Reply | None = None
    ) -> TaskRecord:
        """Commit and tell a change within a state; the gate is held."""
        touched = replace(
            record, previous_state=record.state, status_version=record.status_version + 1
        )
        await self._commit(touched, self._told(touched, queue, asker))
        return touched

    async def add(self, record: TaskRecord, events: Sequence[Event]) -> TaskRecord:
        """Commit news of a task that are no change of its state; the gate is held."""
        await self._commit(record, events)
        return record

    def _told(
        self, record: TaskRecord, queue: QueuePosition | None, asker: Reply | None
    ) -> list[Event]:
        if asker is None:
            return [self._reporter.change(record, queue)]
        return self._reporter.change_for(record, queue, asker)

    async def _commit(self, record: TaskRecord, events: Sequence[Event]) -> None:
        try:
            await self._journal.commit(record, events)
        except TaskMoved:  # the journal has the truth: another node's
            self._live.pop(record.task_id, None)
            raise
        if record.state in TERMINAL:
            self._live.pop(record.task_id, None)
        else:
            self._live[record.task_id] = record

    def _stamp(self, state: TaskState) -> dict[str, Any]:
        """Return the moment that goes with entering a state, by its field of the record."""
        now = self._clock.now()
        match state:
            case TaskState.QUEUED:
                return {"queued": now}
            case TaskState.PLANNING:
                return {"started": now}
            case TaskState.INPUT_REQUIRED:
                return {"asked": now}
            case _ if state in TERMINAL:
                return {"finished": now}
            case _:
                return {}


def _known(record: TaskRecord | None, task_id: str) -> TaskRecord:
    if record is None:
        raise TaskNotFound(task_id=task_id)
    return record


async def insist(action: Callable[[], Awaitable[T]], backoff: Backoff) -> T:
    """Do what must be committed, as often as it takes; the journal tells why it cannot."""
    failures = 0
    while True:
        try:
            return await action()
        except JournalLost:
            failures += 1
            await asyncio.sleep(backoff.delay_s(failures))
