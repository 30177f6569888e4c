"""Carries the journal's outbox to the broker: in order, in a window, off the list by PUBACK only.

How it works. A pump reads the outbox behind its cursor and sends; for each event, a settler waits
for every PUBACK of it and puts its id on the done list; a sweeper takes done ids off the outbox,
many in one commit. The pump ends with its connection, and the pump of the next one starts again
at the lowest event that is still there.
"""

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from typing import Final, Protocol

from messages.problem import Problem, ProblemCode, problem
from planner_node.clock import Clock
from planner_node.errors import JournalLost
from planner_node.mqtt.packets import (
    NO_SUBSCRIBERS,
    Ending,
    Outcome,
    Publication,
    PublishOutcome,
)
from planner_node.mqtt.ports import Outbox
from planner_node.mqtt.routes import publications_of
from planner_node.mqtt.suspects import Suspects
from planner_node.tasks.record import EventKind, StoredEvent

logger = logging.getLogger(__name__)

BATCH: Final = 100
JOURNAL_RETRY_S: Final = 0.5


class Session(Protocol):
    """One connection, seen from here."""

    @property
    def epoch(self) -> int: ...
    @property
    def accepted_publications(self) -> int: ...
    async def send(self, publication: Publication) -> asyncio.Future[PublishOutcome]: ...
    async def ended(self) -> Ending: ...


class Sessions(Protocol):
    """Where connections come from."""

    async def connection(self, after_epoch: int = 0) -> Session: ...


class Reporter(Protocol):
    """Who is told about what could not be published."""

    async def report(self, problem: Problem) -> None: ...


class Outbound:
    """The way out."""

    def __init__(
        self, sessions: Sessions, outbox: Outbox, reporter: Reporter, clock: Clock, root: str
    ) -> None:
        self.published = 0
        self.refused = 0
        self.unheard = 0
        self._sessions = sessions
        self._outbox = outbox
        self._reporter = reporter
        self._clock = clock
        self._root = root
        self._news = asyncio.Event()
        self._done: set[int] = set()  # acknowledged, still on the outbox
        self._has_done = asyncio.Event()
        self._progress = asyncio.Event()
        self._suspects = Suspects()

    async def run(self) -> None:
        """Publish until cancelled."""
        unlisten = self._outbox.listen(lambda _: self._news.set())
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._sweep(), name="mqtt.outbound.sweep")
                group.create_task(self._serve(group), name="mqtt.outbound.serve")
        finally:
            unlisten()

    async def drained(self) -> None:
        """Wait until nothing is on the outbox; the caller brings the deadline."""
        while True:
            self._progress.clear()
            if not await self._outbox.pending(0, 1):
                return
            await self._progress.wait()

    async def _serve(self, settlers: asyncio.TaskGroup) -> None:
        epoch = 0
        while True:
            session = await self._sessions.connection(epoch)
            epoch = session.epoch
            async with asyncio.TaskGroup() as group:
                pump = group.create_task(self._pump(session, settlers), name="mqtt.outbound.pump")
                await session.ended()
                pump.cancel()
            self._suspects.session_ended(was_healthy=session.accepted_publications > 0)

    async def _pump(self, session: Session, settlers: asyncio.TaskGroup) -> None:
        cursor = 0
        while True:
            self._news.clear()
            events = await self._read(cursor)
            for stored in events:
                cursor = stored.event_id
                if cursor not in self._done:
                    await self._send(session, stored, settlers)
            if not events:
                await self._news.wait()

    async def _read(self, cursor: int) -> list[StoredEvent]:
        try:
            return await self._outbox.pending(cursor, BATCH)
        except JournalLost as error:
            logger.error("! mqtt outbox cannot be read: %s", error)  # noqa: TRY400  said in full
            await asyncio.sleep(JOURNAL_RETRY_S)
            self._news.set()
            return []

    async def _send(
        self, session: Session, stored: StoredEvent, settlers: asyncio.TaskGroup
    ) -> None:
        event_id = stored.event_id
        publications = publications_of(stored.event, self._root, self._clock.now())
        if self._suspects.is_poison(event_id):
            await self._tell(stored, publications[0].topic, "the broker closes on this message")
            self._finish(event_id)
            return
        outcomes = [await session.send(publication) for publication in publications]
        self._suspects.sent(event_id)
        settling = settlers.create_task(
            self._settle(stored, publications, outcomes), name=f"mqtt.outbound[{event_id}]"
        )
        if self._suspects.is_suspect(event_id):
            await asyncio.wait([settling])  # alone, to know whether it is this one

    async def _settle(
        self,
        stored: StoredEvent,
        publications: Sequence[Publication],
        pending: Sequence[asyncio.Future[PublishOutcome]],
    ) -> None:
        outcomes = [await outcome for outcome in pending]
        if any(outcome.outcome is Outcome.LOST for outcome in outcomes):
            return  # it is still on the outbox, and goes out on the next connection
        self._note_unheard(stored, outcomes[0])
        for publication, outcome in zip(publications, outcomes, strict=True):
            if outcome.outcome is Outcome.REFUSED:
                reason = f"{outcome.reason} ({outcome.reason_code:#x})"
                await self._tell(stored, publication.topic, reason)
        self._finish(stored.event_id)

    def _note_unheard(self, stored: StoredEvent, outcome: PublishOutcome) -> None:
        """Count what went to a robot that nobody listens for; MQTT 3.1.1 does not tell."""
        if outcome.reason_code != NO_SUBSCRIBERS or stored.event.robot_id is None:
            return
        self.unheard += 1
        if stored.event.kind is EventKind.PLAN:
            robot_id, task_id = stored.event.robot_id, stored.event.task_id
            logger.warning("! mqtt nobody hears robot=%s: its plan of %s", robot_id, task_id)

    def _finish(self, event_id: int) -> None:
        self._suspects.settled(event_id)
        self.published += 1
        self._done.add(event_id)
        self._has_done.set()

    async def _tell(self, stored: StoredEvent, topic: str, reason: str) -> None:
        """Say what could not be published; the queue goes on without it."""
        self.refused += 1
        kind, event_id = stored.event.kind, stored.event_id
        logger.error("! mqtt undeliverable event=%d %s topic=%s %s", event_id, kind, topic, reason)
        if kind is EventKind.ERROR:
            return  # or a refused errors topic would make errors for ever
        references = {"topic": topic, "kind": kind, "event_id": event_id, "reason": reason}
        with contextlib.suppress(JournalLost):  # the log has it
            await self._reporter.report(problem(ProblemCode.INTERNAL, references))

    async def _sweep(self) -> None:
        while True:
            await self._has_done.wait()
            self._has_done.clear()
            done = sorted(self._done)
            try:
                await self._outbox.published(done)
            except JournalLost as error:
                logger.error("! mqtt outbox cannot be swept: %s", error)  # noqa: TRY400  in full
                await asyncio.sleep(JOURNAL_RETRY_S)
                self._has_done.set()
            else:
                self._done.difference_update(done)
                self._progress.set()
