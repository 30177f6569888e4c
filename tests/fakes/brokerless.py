"""The broker's side of the MQTT door without a broker: deliveries by hand, PUBACKs by hand."""

import asyncio
import math
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from planner_node.mqtt.packets import (
    Delivery,
    Ending,
    EndKind,
    MessageProperties,
    Outcome,
    Publication,
    PublishOutcome,
)

ACCEPTED = PublishOutcome(Outcome.ACCEPTED)
LOST = PublishOutcome(Outcome.LOST)


def delivery(topic: str, payload: bytes | str = b"", **fields: object) -> Delivery:
    """Make a delivery as it comes from the broker at QoS 1."""
    data = payload.encode() if isinstance(payload, str) else payload
    plain = {"qos": 1, "retain": False, "epoch": 1, "mid": 1, "properties": MessageProperties()}
    return Delivery(topic=topic, payload=data, **{**plain, **fields})  # type: ignore[arg-type]  # by name


@dataclass
class HandLine:
    """Deliveries come by ``put``; ``acknowledged`` tells what was answered."""

    epoch: int = 1
    is_proven: bool = False  # the broker has had every PUBACK
    is_cut: bool = False  # the broker hears of nothing any more, and we do not know it yet
    acknowledged: list[Delivery] = field(default_factory=list)
    _queue: asyncio.Queue[Delivery | None] = field(default_factory=asyncio.Queue)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, *deliveries: Delivery) -> None:
        for one in deliveries:
            self._queue.put_nowait(one)

    def end(self) -> None:
        self._queue.put_nowait(None)

    async def deliveries(self) -> AsyncIterator[Delivery]:
        while (one := await self._queue.get()) is not None:
            yield one

    def is_current(self, one: Delivery) -> bool:
        return one.epoch == self.epoch

    def acknowledge(self, one: Delivery) -> bool:
        if not self.is_current(one):
            return False
        self.acknowledged.append(one)
        self._news.set()
        return True

    def proof(self) -> Callable[[], bool]:
        return lambda: self.is_proven

    async def settled(self, one: Delivery) -> bool:
        return self.is_current(one) and not self.is_cut

    async def until_acknowledged(self, count: int) -> None:
        async with asyncio.timeout(5):
            while len(self.acknowledged) < count:
                self._news.clear()
                await self._news.wait()


class HandSession:
    """One connection: what is sent waits for ``answer``, or is accepted at once."""

    def __init__(self, epoch: int = 1, *, accepts: bool = True) -> None:
        self.epoch = epoch
        self.accepts = accepts
        self.accepted_publications = 0
        self.sent: list[Publication] = []
        self.until_s: list[float] = []  # by when each of them must be written
        self.refuse_topics: set[str] = set()
        self.waiting: list[asyncio.Future[PublishOutcome]] = []
        self._news = asyncio.Event()
        self._ending: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()

    async def send(
        self, publication: Publication, until_s: Callable[[], float] = lambda: math.inf
    ) -> asyncio.Future[PublishOutcome]:
        self.until_s.append(until_s())
        outcome: asyncio.Future[PublishOutcome] = asyncio.get_running_loop().create_future()
        self.sent.append(publication)
        self._news.set()
        if publication.topic in self.refuse_topics:
            outcome.set_result(PublishOutcome(Outcome.REFUSED, 0x87, "Not authorized"))
        elif self.accepts:
            self.accepted_publications += 1
            outcome.set_result(ACCEPTED)
        else:
            self.waiting.append(outcome)
        return outcome

    async def publish(self, publication: Publication) -> PublishOutcome:
        return await (await self.send(publication))

    async def ended(self) -> Ending:
        return await asyncio.shield(self._ending)

    def answer(self, outcome: PublishOutcome = ACCEPTED) -> None:
        self.accepted_publications += outcome is ACCEPTED
        self.waiting.pop(0).set_result(outcome)

    def end(self) -> None:
        for waiting in self.waiting:
            waiting.set_result(LOST)
        self.waiting.clear()
        self._ending.set_result(Ending(EndKind.LOST, "cut"))

    async def until_sent(self, count: int) -> list[Publication]:
        async with asyncio.timeout(5):
            while len(self.sent) < count:
                self._news.clear()
                await self._news.wait()
        return self.sent


class HandSessions:
    """Connections come by ``open``."""

    def __init__(self) -> None:
        self._opened = asyncio.Condition()
        self.current: HandSession | None = None

    async def open(self, session: HandSession) -> HandSession:
        async with self._opened:
            self.current = session
            self._opened.notify_all()
        return session

    async def connection(self, after_epoch: int = 0) -> HandSession:
        async with self._opened:
            await self._opened.wait_for(
                lambda: self.current is not None and self.current.epoch > after_epoch
            )
        if self.current is None:
            raise LookupError("no session")
        return self.current
