"""Carries the journal's outbox to the broker: in order, in a window, off the list by PUBACK only.

How it works. A pump takes events from the feed and sends; the last PUBACK of an event puts its id
on the done list; a sweeper takes done ids off the outbox, many in one commit. The pump ends with
its connection, and the pump of the next one starts again at the lowest event that is still there.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

from messages.problem import Problem, ProblemCode, problem
from planner_node.clock import Clock, monotonic_s
from planner_node.errors import JournalLost
from planner_node.mqtt.feed import Feed
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

JOURNAL_RETRY_S: Final = 0.5
# Done events gather for so long: a sweep is a commit too, and nobody waits for it. What is not
# swept when the node dies is published once more, with the same bytes.
SWEEP_S: Final = 0.05


class Session(Protocol):
    """One connection, seen from here."""

    @property
    def epoch(self) -> int: ...
    @property
    def accepted_publications(self) -> int: ...
    async def send(
        self, publication: Publication, until_s: Callable[[], float] = ...
    ) -> asyncio.Future[PublishOutcome]: ...
    async def ended(self) -> Ending: ...


class Sessions(Protocol):
    """Where connections come from."""

    async def connection(self, after_epoch: int = 0) -> Session: ...


class Reporter(Protocol):
    """Who is told about what could not be published."""

    async def report(self, problem: Problem) -> None: ...


@dataclass(slots=True)
class _Sent:
    """One event on its way, and how many of its publications have no answer yet."""

    stored: StoredEvent
    publications: Sequence[Publication]
    outcomes: Sequence[asyncio.Future[PublishOutcome]]
    unanswered: int


async def until_ours(outbox: Outbox) -> None:
    """Keep silent where the lease has run out: it is renewed, or this process ends."""
    while outbox.ours_until_s <= monotonic_s():  # noqa: ASYNC110  time itself ends a lease
        await asyncio.sleep(JOURNAL_RETRY_S)


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
        self._feed = Feed(outbox)
        self._reporter = reporter
        self._clock = clock
        self._root = root
        self._done: set[int] = set()  # acknowledged, still on the outbox
        self._has_done = asyncio.Event()
        self._is_draining = asyncio.Event()
        self._progress = asyncio.Event()
        self._suspects = Suspects()

    async def run(self) -> None:
        """Publish until cancelled."""
        unlisten = self._feed.listen()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._sweep(), name="mqtt.outbound.sweep")
                group.create_task(self._serve(group), name="mqtt.outbound.serve")
        finally:
            unlisten()

    async def drained(self) -> None:
        """Wait until nothing is on the outbox; the caller brings the deadline."""
        self._is_draining.set()
        while True:
            self._progress.clear()
            if not await self._outbox.pending(0, 1):
                return
            await self._progress.wait()

    async def _serve(self, tellers: asyncio.TaskGroup) -> None:
        epoch = 0
        while True:
            session = await self._sessions.connection(epoch)
            epoch = session.epoch
            async with asyncio.TaskGroup() as group:
                pump = group.create_task(self._pump(session, tellers), name="mqtt.outbound.pump")
                await session.ended()
                pump.cancel()
            self._suspects.session_ended(was_healthy=session.accepted_publications > 0)

    async def _pump(self, session: Session, tellers: asyncio.TaskGroup) -> None:
        self._feed.restart()
        while True:
            for stored in await self._following():
                await until_ours(self._outbox)
                if stored.event_id not in self._done:
                    await self._send(session, stored, tellers)

    def _ours_until_s(self) -> float:
        return self._outbox.ours_until_s

    async def _following(self) -> Sequence[StoredEvent]:
        try:
            return await self._feed.following()
        except JournalLost as error:
            logger.error("! mqtt outbox cannot be read: %s", error)  # noqa: TRY400  said in full
            await asyncio.sleep(JOURNAL_RETRY_S)
            return []

    async def _send(
        self, session: Session, stored: StoredEvent, tellers: asyncio.TaskGroup
    ) -> None:
        event_id = stored.event_id
        publications = publications_of(stored, self._root, self._clock.now())
        if not publications:
            self._finish(event_id)  # nobody is to hear it any more
            return
        if self._suspects.is_poison(event_id):
            await self._tell(stored, publications[0].topic, "the broker closes on this message")
            self._finish(event_id)
            return
        outcomes = [await session.send(one, self._ours_until_s) for one in publications]
        self._suspects.sent(event_id)
        sent = _Sent(stored, publications, outcomes, len(outcomes))
        for outcome in outcomes:
            outcome.add_done_callback(partial(self._answered, sent, tellers))
        if self._suspects.is_suspect(event_id):
            await asyncio.wait(outcomes)  # alone, to know whether it is this one

    def _answered(self, sent: _Sent, tellers: asyncio.TaskGroup, _outcome: object) -> None:
        """Note one PUBACK, or that there will be none."""
        sent.unanswered -= 1
        if sent.unanswered:
            return
        outcomes = {outcome.result().outcome for outcome in sent.outcomes}
        if Outcome.LOST in outcomes:
            return  # it is still on the outbox, and goes out on the next connection
        self._note_unheard(sent.stored, sent.outcomes[0].result())
        if Outcome.REFUSED in outcomes:
            tellers.create_task(self._refused(sent), name="mqtt.outbound.refused")
        else:
            self._finish(sent.stored.event_id)

    async def _refused(self, sent: _Sent) -> None:
        for publication, answer in zip(sent.publications, sent.outcomes, strict=True):
            outcome = answer.result()
            if outcome.outcome is Outcome.REFUSED:
                reason = f"{outcome.reason} ({outcome.reason_code:#x})"
                await self._tell(sent.stored, publication.topic, reason)
        self._finish(sent.stored.event_id)

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
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SWEEP_S):
                    await self._is_draining.wait()
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
