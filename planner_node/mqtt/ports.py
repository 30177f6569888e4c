"""What the door needs of the rooms behind it."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Protocol

from messages.problem import Problem
from messages.task import TaskCommand, TaskControl
from planner_node.tasks.record import EventKind, Origin, Reply, StoredEvent


class Load(Protocol):
    """How busy the planner is."""

    @property
    def queue_depth(self) -> int: ...
    @property
    def running(self) -> int: ...


class Planner(Protocol):
    """The one path that every command takes."""

    async def submit(self, command: TaskCommand, origin: Origin) -> object:
        """Journal a task; raise a ``CommandRejected`` or ``JournalLost``."""
        ...

    async def control(self, control: TaskControl, origin: Origin) -> object:
        """Journal and do what an operator asks; raise as ``submit``."""
        ...

    async def refuse(
        self,
        problem: Problem,
        origin: Origin,
        task_id: str | None,
        *,
        is_control: bool = False,
        command: TaskCommand | None = None,
    ) -> None:
        """Journal the answer to a command that was not accepted; it echoes the ``command``."""
        ...

    async def report(self, problem: Problem, reply: Reply | None = None) -> None:
        """Journal a problem that no robot can be told about; ``reply`` is its sender's."""
        ...

    @property
    def load(self) -> Load: ...


class Outbox(Protocol):
    """The journal's events that are still to be published; each call may raise JournalLost."""

    @property
    def ours_until_s(self) -> float:
        """The monotonic moment up to which they may be told: then another node may have them."""
        ...

    async def pending(self, after_id: int, limit: int) -> list[StoredEvent]:
        """Return events above an id, oldest first; fewer than ``limit`` only at the end."""
        ...

    async def known(self, task_ids: Sequence[str]) -> set[str]:
        """Return those that the history has."""
        ...

    async def replay(self, task_id: str, kinds: Collection[EventKind], reply: Reply | None) -> bool:
        """Put copies of what was last said of a task on the outbox; False when it is gone."""
        ...

    async def restate(self, since: datetime, max_finished: int) -> None:
        """Put copies of last statuses into it, for late joiners alone, in order with all else.

        Of every unfinished task, and of the newest that finished ``since`` then.
        """
        ...

    async def published(self, event_ids: Sequence[int]) -> None:
        """Take events off the outbox."""
        ...

    def listen(self, listener: Callable[[Sequence[StoredEvent]], None]) -> Callable[[], None]:
        """Call after each commit, on the loop; the result ends it."""
        ...
