"""The node's life sign: retained, with the session id that lets everyone tell an old will from us.

The last will carries the same session id as the birth, so a reader who sees CONNECTION_BROKEN of
an older session knows that it is stale; and since the node hears its own status topic, it
publishes its birth again when a stale one covers it.
"""

import asyncio
import contextlib
import json
import logging
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

from messages.status import NodeInfo, NodeState, NodeStatus
from messages.topics import NODE_INFO, NODE_STATUS
from messages.wire import encode
from planner_node.clock import Clock
from planner_node.mqtt.packets import (
    Delivery,
    Ending,
    MessageProperties,
    Outcome,
    Publication,
    PublishOutcome,
)
from planner_node.mqtt.ports import Load
from planner_node.mqtt.routes import CONTENT_TYPE

logger = logging.getLogger(__name__)

HEARTBEAT_S: Final = 20.0  # the contract asks for 30 or less
LOOK_S: Final = 1.0  # the load may change a hundred times a second; nobody reads it so often


class Session(Protocol):
    """One connection, seen from here."""

    @property
    def epoch(self) -> int: ...
    async def send(self, publication: Publication) -> asyncio.Future[PublishOutcome]: ...
    async def ended(self) -> Ending: ...


class Sessions(Protocol):
    """Where connections come from."""

    async def connection(self, after_epoch: int = 0) -> Session: ...


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the node is in this life."""

    node_id: str
    session_id: str
    root: str

    @property
    def status_topic(self) -> str:
        return NODE_STATUS.name(self.root, node_id=self.node_id)

    @property
    def info_topic(self) -> str:
        return NODE_INFO.name(self.root, node_id=self.node_id)


def last_will(who: Identity, now: datetime) -> Publication:
    """Return what the broker says when it loses us."""
    state = NodeState.CONNECTION_BROKEN
    status = NodeStatus(node_id=who.node_id, session_id=who.session_id, state=state, since=now)
    return _retained(who.status_topic, encode(status))


def _retained(topic: str, payload: bytes) -> Publication:
    properties = MessageProperties(content_type=CONTENT_TYPE)
    return Publication(topic, payload, retain=True, properties=properties)


class Presence:
    """Says how the node is: on each connection, on each change, and every 20 s.

    A new state is said at once; another load is found by looking, every ``look_s``.
    """

    def __init__(
        self,
        who: Identity,
        clock: Clock,
        load: Callable[[], Load],
        heartbeat_s: float = HEARTBEAT_S,
        look_s: float = LOOK_S,
    ) -> None:
        self._who = who
        self._clock = clock
        self._load = load
        self._heartbeat_s = heartbeat_s
        self._look_s = look_s
        self._state = NodeState.STARTING
        self._since = clock.now()
        self._started_s = clock.monotonic_s()
        self._model_ready = False
        self._info: NodeInfo | None = None
        self._news = asyncio.Event()
        self._was_born = False

    def change(self, state: NodeState, *, model_ready: bool) -> None:
        """Tell everyone about a new state."""
        if (state, model_ready) == (self._state, self._model_ready):
            return
        if state is not self._state:
            self._state, self._since = state, self._clock.now()
        self._model_ready = model_ready
        self._news.set()

    def describe(self, info: NodeInfo) -> None:
        """Tell everyone what the node can do."""
        self._info = info
        self._news.set()

    async def run(self, sessions: Sessions) -> None:
        """Publish until cancelled."""
        epoch = 0
        while True:
            session = await sessions.connection(epoch)
            epoch = session.epoch
            async with asyncio.TaskGroup() as group:
                beating = group.create_task(self._beat(session), name="mqtt.presence.beat")
                await session.ended()
                beating.cancel()

    async def farewell(self, session: Session) -> Awaitable[Outcome]:
        """Say OFFLINE, so that nobody takes an orderly stop for a crash.

        Returns once it is on its way, with the broker's answer to wait for.
        """
        self._state, self._since = NodeState.OFFLINE, self._clock.now()
        self._model_ready = False
        offline = _retained(self._who.status_topic, encode(self._status()))
        return self._heard(offline, await session.send(offline))

    def hear(self, delivery: Delivery) -> bool:
        """Look at what stands on our status topic; return whether a rival has spoken.

        Before our birth, another session is our own past; after it, somebody else has our id.
        """
        session_id = _session_id(delivery.payload)
        if session_id == self._who.session_id:
            return False
        self._news.set()
        return self._was_born and session_id is not None

    async def _beat(self, session: Session) -> None:
        described: NodeInfo | None = None
        while True:
            self._news.clear()
            status = self._status()
            birth = _retained(self._who.status_topic, encode(status))
            # A birth that was lost on the line covers nothing: what we hear may be our own past.
            self._was_born |= await self._say(session, birth) is Outcome.ACCEPTED
            if self._info is not None and self._info is not described:
                await self._say(session, _retained(self._who.info_topic, encode(self._info)))
                described = self._info
            await _in_time(self._until_changed(status), self._heartbeat_s)

    async def _until_changed(self, said: NodeStatus) -> None:
        """Wait for news, or for another load than was said, which is not looked for at once."""
        while True:
            await _in_time(self._news.wait(), self._look_s)
            if self._news.is_set() or not self._is_load(said):
                return

    async def _say(self, session: Session, publication: Publication) -> Outcome:
        return await self._heard(publication, await session.send(publication))

    async def _heard(
        self, publication: Publication, sent: asyncio.Future[PublishOutcome]
    ) -> Outcome:
        outcome = await sent
        if outcome.outcome is Outcome.REFUSED:
            logger.error("! mqtt %s refused: %s", publication.topic, outcome.reason)
        return outcome.outcome

    def _is_load(self, said: NodeStatus) -> bool:
        load = self._load()
        return (load.queue_depth, load.running) == (said.queue_depth, said.running)

    def _status(self) -> NodeStatus:
        load = self._load()
        return NodeStatus(
            node_id=self._who.node_id,
            session_id=self._who.session_id,
            state=self._state,
            since=self._since,
            queue_depth=load.queue_depth,
            running=load.running,
            model_ready=self._model_ready,
            uptime_s=round(self._clock.monotonic_s() - self._started_s, 3),
        )


async def _in_time(fact: Coroutine[Any, Any, object], limit_s: float) -> None:
    """Wait for it, but no longer."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(limit_s):
            await fact


def _session_id(payload: bytes) -> str | None:
    try:
        value = json.loads(payload)
    except ValueError:
        return None
    session_id = value.get("session_id") if isinstance(value, dict) else None
    return session_id if isinstance(session_id, str) else None
