"""One caller's piece of a group: written in the writer's thread, answered on the loop."""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeVar

from planner_node.errors import JournalLost, PlannerError
from planner_node.tasks.record import StoredEvent

PROBE_BYTES: Final = 65_536  # room for a few tasks
GLANCE_BYTES: Final = 1  # one page each time, for the flash of a node that idles for years

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Written(Generic[Answer]):
    """What an errand made: its caller's answer, and the events for everybody who listens."""

    answer: Answer
    events: Sequence[StoredEvent] = ()


class Sent(Protocol):
    """What somebody sent to be written; ``losses_heard`` is None where order means nothing."""

    @property
    def losses_heard(self) -> int | None: ...

    def fail(self, error: PlannerError) -> None:
        """Remember, where the writer runs, why nothing was written."""


@dataclass(slots=True)
class Losses:
    """How often a group was lost, and how much of that the loop's callers can have heard.

    An errand that was sent before its sender could hear of a loss shares it. Else a younger task
    would be in the journal before an older one, which its sender has to bring again.
    """

    happened: int = 0  # counted by the writer
    heard: int = 0  # set on the loop, just before the first of those who wait goes on
    reason: str = ""  # of the last one

    def note(self, reason: str) -> None:
        """Count one more."""
        self.happened += 1
        self.reason = reason

    def reach(self, errand: Sent) -> bool:
        """Fail an errand that was sent before its sender could hear of a loss; False: it may go."""
        if errand.losses_heard is None or errand.losses_heard >= self.happened:
            return False
        errand.fail(JournalLost(self.reason))
        return True

    def tell(self, happened: int) -> None:
        """On the loop, before the callers are answered: what they then send is sent anew.

        Whoever is to run before them has not heard of it.
        """
        if happened > self.heard:
            asyncio.get_running_loop().call_soon(self._hear, happened)

    def _hear(self, happened: int) -> None:
        self.heard = max(self.heard, happened)


class Errand(Sent, Protocol):
    """One caller's piece of a group."""

    def run(self, connection: sqlite3.Connection) -> None:
        """Write, in the writer's thread, inside the group's transaction; perhaps once more."""

    def last_event_id(self) -> int:
        """Return the newest event that it wrote, in the writer's thread; 0 for none."""
        ...

    def settle(self) -> Sequence[StoredEvent]:
        """Answer the caller, on the loop; return the events that are now true."""
        ...


class Awaited(Generic[Answer]):
    """An errand with somebody waiting for its answer; ``run`` leaves it in ``written``."""

    def __init__(self, future: asyncio.Future[Answer], losses_heard: int) -> None:
        self.future = future
        self.losses_heard: int | None = losses_heard
        self.written: Written[Answer] | None = None
        self._error: PlannerError | None = None

    def run(self, connection: sqlite3.Connection) -> None:
        raise NotImplementedError

    def fail(self, error: PlannerError) -> None:
        self._error = error

    def last_event_id(self) -> int:
        if self._error is not None or self.written is None:
            return 0
        return max((item.event_id for item in self.written.events), default=0)

    def settle(self) -> Sequence[StoredEvent]:
        if self._error is not None or self.written is None:
            if not self.future.done():
                self.future.set_exception(self._error or JournalLost("Nothing was written."))
            return ()
        if not self.future.done():  # else its caller was cancelled; the rows are there
            self.future.set_result(self.written.answer)
        return self.written.events


class Call(Awaited[Answer]):
    """Work of any kind."""

    def __init__(
        self,
        work: Callable[[sqlite3.Connection], Written[Answer]],
        future: asyncio.Future[Answer],
        losses_heard: int,
    ) -> None:
        super().__init__(future, losses_heard)
        self._work = work

    def run(self, connection: sqlite3.Connection) -> None:
        self.written = self._work(connection)


class Probe:
    """Asks the disk whether it takes so many bytes."""

    losses_heard: int | None = None

    def __init__(self, size_bytes: int) -> None:
        self._size_bytes = size_bytes

    def run(self, connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM probe")
        connection.execute("INSERT INTO probe VALUES (zeroblob(?))", (self._size_bytes,))

    def fail(self, error: PlannerError) -> None:
        del error

    def last_event_id(self) -> int:
        return 0

    def settle(self) -> Sequence[StoredEvent]:
        return ()
