"""What every journal is, wherever it writes: how it fares, who listens, how it forgets."""

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import ClassVar, Final, Generic, Protocol, TypeVar

from planner_node.errors import JournalLost
from planner_node.journal.pace import CommitFigures, Pace
from planner_node.journal.sight import Sight
from planner_node.tasks.record import StoredEvent, TaskRecord

log = logging.getLogger(__name__)

PURGE_TASKS: Final = 5_000
PURGE_BATCH: Final = 100  # little at a time, so that those who wait to commit wait little
RESTATE_BATCH: Final = 100  # likewise
Listener = Callable[[Sequence[StoredEvent]], None]


class Commits(Protocol):
    """What is asked of a writer beside its writing."""

    trouble: str  # why the last commit failed
    pace: Pace


AnyWriter = TypeVar("AnyWriter", bound=Commits)


class Chronicle(ABC, Generic[AnyWriter]):
    """A journal but for its reading and writing; it is open while it has a writer."""

    is_shared: ClassVar[bool]  # whether other nodes write here too

    def __init__(self, *, outbox: bool) -> None:
        self.outbox = outbox
        self._writer: AnyWriter | None = None
        self._listeners: list[Listener] = []
        self._sight = Sight(lambda: self.task(""))

    @property
    def healthy(self) -> bool:
        """Whether the last commit and the last read went through."""
        return not self.reason

    @property
    def reason(self) -> str:
        """Why it is not healthy, for people; empty when it is."""
        if self._writer is None:
            return "The journal is not open."
        return self._writer.trouble or self._sight.trouble

    @property
    def figures(self) -> CommitFigures:
        """How many groups and calls were committed since the start, and how long it took."""
        return CommitFigures() if self._writer is None else self._writer.pace.figures

    @property
    def usual_wait_s(self) -> float:
        """How long an admission takes where only the disk keeps it."""
        return 0.0 if self._writer is None else self._writer.pace.usual_wait_s

    @abstractmethod
    async def task(self, task_id: str) -> TaskRecord | None:
        """Return a task, or None if it is not in the history."""

    async def purge(self, before: datetime, max_tasks: int) -> list[TaskRecord]:
        """Delete finished tasks with their log, and return them, at most ``PURGE_TASKS`` a call.

        Go: those finished before ``before`` of which nothing waits in an outbox, and the oldest
        of more than ``max_tasks`` finished ones; of a shared journal, those of all nodes, or only
        this node's where it has no outbox. Call again while something is returned.
        """
        gone: list[TaskRecord] = []
        while len(gone) < PURGE_TASKS:
            batch = await self._purge_batch(before, max_tasks)
            gone.extend(batch)
            if not batch:
                break
        return gone

    @abstractmethod
    async def _purge_batch(self, before: datetime, max_tasks: int) -> list[TaskRecord]:
        """Delete at most ``PURGE_BATCH`` of them in one commit."""

    async def restate(self, since: datetime, max_finished: int) -> None:
        """Put copies of last statuses into the outbox, byte for byte, for late joiners alone.

        Of every unfinished task, and of the newest that finished since then; of a shared journal,
        of this node's. What is said of a task later comes behind its copy, and a copy that still
        waits gives way to the new one.
        """
        task_ids = await self._restatable(since, max_finished)
        for first in range(0, len(task_ids), RESTATE_BATCH):
            await self._restate_batch(task_ids[first : first + RESTATE_BATCH])

    @abstractmethod
    async def _restatable(self, since: datetime, max_finished: int) -> list[str]:
        """Return the ids of those tasks."""

    @abstractmethod
    async def _restate_batch(self, task_ids: Sequence[str]) -> None:
        """Do so in one commit."""

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call ``listener`` on the loop with the events of each commit made here.

        Returns the un-listen.
        """
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def _without_orphans(self, records: list[TaskRecord]) -> list[TaskRecord]:
        """Leave what was accepted with a broker to a node with one: here no robot would hear."""
        kept = [one for one in records if self.outbox or not one.over_mqtt]
        if len(kept) < len(records):
            log.warning(
                "! %d unfinished tasks wait for a node with a broker, which accepted them: start"
                " planner-node serve on this journal",
                len(records) - len(kept),
            )
        return kept

    def _lose_sight(self, reason: str) -> None:
        """Note that a read failed, unless the journal has been closed meanwhile."""
        if self._writer is not None:
            self._sight.lost(reason)

    def _tell(self, events: Sequence[StoredEvent]) -> None:
        for listener in tuple(self._listeners):
            try:
                listener(events)
            except Exception:
                log.exception("a listener of the journal failed")

    @property
    def _writing(self) -> AnyWriter:
        if self._writer is None:
            raise JournalLost("The journal is not open.")
        return self._writer
