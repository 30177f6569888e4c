"""What the hall needs of the other rooms, and nothing more."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from planner_node.clock import Clock
from planner_node.completion.request import Completer
from planner_node.planner.backoff import Backoff
from planner_node.planner.handlers import ToolRegistry
from planner_node.prompt.catalog import Catalog
from planner_node.settings import GenerationSettings, PlannerSettings, QueueSettings
from planner_node.tasks.record import (
    Event,
    EventKind,
    Reply,
    StoredEvent,
    TaskFilter,
    TaskRecord,
)


class Admission(Protocol):
    """A task's way in; when ``is_new`` is False, ``record`` is the stored one."""

    @property
    def record(self) -> TaskRecord: ...
    @property
    def is_new(self) -> bool: ...


class TaskJournal(Protocol):
    """The memory; every method raises ``JournalLost`` when the disk refuses."""

    @property
    def outbox(self) -> bool:
        """Whether what is said here is published: there is a broker."""
        ...

    @property
    def is_shared(self) -> bool:
        """Whether other nodes write here too."""
        ...

    @property
    def usual_wait_s(self) -> float:
        """How long an admission takes where only the disk keeps it."""
        ...

    async def admit(self, record: TaskRecord, events: Sequence[Event]) -> Admission:
        """Take a task in, unless its id is known: then nothing is written."""
        ...

    async def commit(self, record: TaskRecord | None, events: Sequence[Event]) -> list[StoredEvent]:
        """Write a task as it now stands, and what is said about it, in one transaction.

        Raises:
            TaskMoved: another node on the same journal has changed it since.
            TaskElsewhere: a node with a broker has it, and this one has none.
        """
        ...

    async def replay(self, task_id: str, kinds: Collection[EventKind], reply: Reply | None) -> bool:
        """Say again what was last said of a task, byte for byte; False when it is there no more."""
        ...

    async def task(self, task_id: str) -> TaskRecord | None:
        """Return a task, or None if it is not in the history."""
        ...

    async def tasks(self, wanted: TaskFilter, /) -> list[TaskRecord]:
        """Return the tasks that fit, newest first."""
        ...

    async def unfinished(self) -> list[TaskRecord]:
        """Return the tasks to go on with: not ended, this node's, and told where they should be."""
        ...

    async def events(self, task_id: str, after_id: int = 0) -> list[StoredEvent]:
        """Return what was said of a task after an event, oldest first."""
        ...

    def listen(self, listener: Callable[[Sequence[StoredEvent]], None]) -> Callable[[], None]:
        """Call ``listener`` on the loop with the events of each commit; returns the un-listen."""
        ...


@dataclass(frozen=True, slots=True)
class PlannerParts:
    """Everything that the hall is built of."""

    node_id: str
    journal: TaskJournal
    completer: Completer
    catalog: Catalog
    handlers: ToolRegistry
    clock: Clock
    planner: PlannerSettings
    queue: QueueSettings
    generation: GenerationSettings
    backoff: Backoff = Backoff()  # noqa: RUF009  frozen
