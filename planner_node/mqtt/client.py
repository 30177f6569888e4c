"""One connection to a broker, as the loop sees it: awaitables for everything that is answered."""

import asyncio
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from planner_node.mqtt.network import Network
from planner_node.mqtt.packets import (
    ConnectOptions,
    Delivery,
    Ending,
    EndKind,
    Granted,
    Outcome,
    Publication,
    PublishOutcome,
    Subscription,
)

_NOT_IN_A_NAME: Final = ("\0", "+", "#")
_MAX_TOPIC_BYTES: Final = 65_535
_PACKET_OVERHEAD_BYTES: Final = 64  # header, lengths, packet id and the fixed properties
CLOSE_TIMEOUT_S: Final = 1.0
_REASON_TOPIC_INVALID: Final = 0x90
_REASON_PACKET_TOO_LARGE: Final = 0x95


class Connection:
    """One connection, from CONNECT to its end; never reused. Every method belongs to the loop."""

    def __init__(
        self,
        options: ConnectOptions,
        *,
        is_v5: bool,
        epoch: int,
        deliver: Callable[[Delivery], None],
        takes: Callable[[int], bool] = lambda _: True,
        stumble: Callable[[], None] = lambda: None,
    ) -> None:
        self.epoch = epoch
        self.granted = Granted()
        self.accepted_publications = 0
        self._publications = 0  # sent so far at QoS 1
        self._answered = 0  # of these, the newest that the broker has answered
        self._options = options
        self._deliver = deliver
        self._takes = takes
        self._stumble = stumble
        self._network = Network(options, is_v5=is_v5, epoch=epoch, hearing=self)
        self._is_accepted = False
        self._window = asyncio.Semaphore(1)
        # By packet id, the oldest first; with the moment at which its PUBACK is overdue, and its
        # number.
        self._unacknowledged: dict[int, tuple[asyncio.Future[PublishOutcome], float, int]] = {}
        self._watch: asyncio.TimerHandle | None = None
        self._subscribing: dict[int, asyncio.Future[list[int]]] = {}

    async def open(self) -> Ending | None:
        """Connect; return None when the broker said yes, else why there is no connection."""
        self._loop = asyncio.get_running_loop()
        self._answer: asyncio.Future[None] = self._loop.create_future()
        self._ending: asyncio.Future[Ending] = self._loop.create_future()
        try:
            self._network.start()
        except (OSError, ValueError) as error:
            return Ending(EndKind.UNTRIED, f"the TLS files cannot be used: {error}")
        try:
            return await self._first_answer()
        except asyncio.CancelledError:
            self.abort(Ending(EndKind.CLOSED, "stopped while connecting"))
            raise

    async def _first_answer(self) -> Ending | None:
        timeout_s = self._options.connect_timeout_s
        either: list[asyncio.Future[None] | asyncio.Future[Ending]] = [self._answer, self._ending]
        await asyncio.wait(either, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        if not self._answer.done() and not self._ending.done():
            self.abort(Ending(EndKind.UNREACHABLE, f"no CONNACK within {timeout_s:g} s"))
        return self._ending.result() if self._ending.done() else None

    @property
    def is_up(self) -> bool:
        """Whether the broker said yes and the connection has not ended."""
        return self._is_accepted and not self._ending.done()

    async def ended(self) -> Ending:
        """Wait for the end of the connection and return its reason."""
        return await asyncio.shield(self._ending)

    async def subscribe(self, subscriptions: Sequence[Subscription]) -> list[int]:
        """Subscribe at QoS 1; return one reason code for each filter, none if the line broke.

        A broker that does not answer in time loses the connection.
        """
        mid = self._network.subscribe(subscriptions) if self.is_up else None
        if mid is None:
            return []
        answer: asyncio.Future[list[int]] = self._loop.create_future()
        self._subscribing[mid] = answer
        either: list[asyncio.Future[list[int]] | asyncio.Future[Ending]] = [answer, self._ending]
        timeout_s = self._options.puback_timeout_s
        await asyncio.wait(either, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        if not answer.done() and not self._ending.done():
            self.abort(Ending(EndKind.LOST, f"no SUBACK within {timeout_s:g} s"))
        return answer.result() if answer.done() else []

    async def send(
        self, publication: Publication, until_s: Callable[[], float] = lambda: math.inf
    ) -> asyncio.Future[PublishOutcome]:
        """Wait for room in the window, send, and return the future of the PUBACK.

        The window is the smaller of the broker's Receive Maximum and our own. Sends go out in
        the order of their calls. ``until_s`` is asked once there is room: where that moment of
        ``monotonic_s`` comes before the packet is written, the connection ends instead. The look at
        the clock and the write are two steps, some microseconds apart.
        """
        await self._window.acquire()
        outcome = self._send_now(publication, until_s())
        outcome.add_done_callback(lambda _: self._window.release())
        return outcome

    async def publish(self, publication: Publication) -> PublishOutcome:
        """Send and wait for the PUBACK, or for the end of the connection."""
        return await (await self.send(publication))

    def _send_now(self, publication: Publication, until_s: float) -> asyncio.Future[PublishOutcome]:
        outcome: asyncio.Future[PublishOutcome] = self._loop.create_future()
        if (answer := self._own_answer(publication)) is not None:
            outcome.set_result(answer)
            return outcome
        offered = self._offered(publication)
        mid = self._network.publish(offered, until_s) if self.is_up else None
        if mid is None:
            outcome.set_result(PublishOutcome(Outcome.LOST, reason="not connected"))
            return outcome
        overdue_at_s = self._loop.time() + self._options.puback_timeout_s
        self._publications += offered.qos > 0
        number = self._publications if offered.qos > 0 else 0
        self._unacknowledged[mid] = (outcome, overdue_at_s, number)
        if self._watch is None:
            self._watch_oldest()
        return outcome

    def _offered(self, publication: Publication) -> Publication:
        """Degrade to what the broker offers: it would close the connection otherwise."""
        qos = min(publication.qos, self.granted.maximum_qos)
        retain = publication.retain and self.granted.retain_available
        if (qos, retain) == (publication.qos, publication.retain):
            return publication
        return replace(publication, qos=qos, retain=retain)

    def _own_answer(self, publication: Publication) -> PublishOutcome | None:
        """Answer for the broker where it need not be asked."""
        if publication.retain and not publication.payload and not self.granted.retain_available:
            return PublishOutcome(Outcome.ACCEPTED)  # it retains nothing that could be cleared
        return self._own_refusal(publication)

    def _own_refusal(self, publication: Publication) -> PublishOutcome | None:
        """Find what the broker would close the connection for, again and again."""
        try:
            topic_bytes = len(publication.topic.encode())
        except UnicodeEncodeError:
            topic_bytes = 0
        forbidden = any(sign in publication.topic for sign in _NOT_IN_A_NAME)
        if forbidden or not 0 < topic_bytes <= _MAX_TOPIC_BYTES:
            return PublishOutcome(Outcome.REFUSED, _REASON_TOPIC_INVALID, "not a topic name")
        limit_bytes = self.granted.maximum_packet_bytes
        size_bytes = _PACKET_OVERHEAD_BYTES + topic_bytes + publication.variable_bytes
        if limit_bytes is not None and size_bytes > limit_bytes:
            reason = f"{size_bytes} bytes, and the broker takes {limit_bytes}"
            return PublishOutcome(Outcome.REFUSED, _REASON_PACKET_TOO_LARGE, reason)
        return None

    def _watch_oldest(self) -> None:
        """End a connection whose PUBACK does not come: its place would be taken for ever."""
        self._watch = None
        oldest = next(iter(self._unacknowledged.items()), None)
        if oldest is None:
            return
        mid, (_, overdue_at_s, _) = oldest
        if self._loop.time() < overdue_at_s:
            self._watch = self._loop.call_at(overdue_at_s, self._watch_oldest)
            return
        timeout_s = self._options.puback_timeout_s
        self.abort(Ending(EndKind.LOST, f"no PUBACK for message {mid} within {timeout_s:g} s"))

    def acknowledge(self, delivery: Delivery) -> bool:
        """Send the PUBACK, unless the delivery came on another connection.

        A late acknowledgement could hit a packet id that means another message by now, which
        would then be lost; the broker sends the old one again instead.
        """
        if delivery.epoch != self.epoch or not self.is_up:
            return False
        if delivery.qos > 0:
            self._network.acknowledge(delivery)
        return True

    def proof(self) -> Callable[[], bool]:
        """Return what tells, later, whether the broker has surely read all that is sent by now.

        It has once it has answered a publication that was sent behind.
        """
        sent = self._publications
        return lambda: self._answered > sent

    async def close(self) -> None:
        """Say goodbye, so that the broker does not publish the last will."""
        self._network.leave()
        await asyncio.wait([self._ending], timeout=CLOSE_TIMEOUT_S)
        self.abort(Ending(EndKind.CLOSED, "closed"))

    def abort(self, ending: Ending) -> None:
        """End the connection now, without a word to the broker."""
        self._network.cut()
        self.finished(ending)

    # -- Hearing -----------------------------------------------------------------------------

    def accepted(self, granted: Granted) -> None:
        self.granted, self._is_accepted = granted, True
        # Everything that is published shares this window, so the broker's limit always holds.
        window = min(granted.receive_maximum, self._options.publish_window)
        self._window = asyncio.Semaphore(window)
        if not self._answer.done():
            self._answer.set_result(None)

    def takes(self, on_their_way: int) -> bool:
        return self._takes(on_their_way)

    def delivered(self, delivery: Delivery) -> None:
        self._deliver(delivery)

    def settled(self, mid: int, outcome: PublishOutcome) -> None:
        self.accepted_publications += outcome.outcome is Outcome.ACCEPTED
        waiting, _, number = self._unacknowledged.pop(mid, (None, 0.0, 0))
        if outcome.outcome is not Outcome.LOST:
            self._answered = max(self._answered, number)
        if waiting is not None and not waiting.done():
            waiting.set_result(outcome)

    def subscribed(self, mid: int, reason_codes: Sequence[int]) -> None:
        waiting = self._subscribing.pop(mid, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(list(reason_codes))

    def stumbled(self) -> None:
        self._stumble()

    def finished(self, ending: Ending) -> None:
        if self._ending.done():
            return
        self._ending.set_result(ending)
        lost = PublishOutcome(Outcome.LOST, reason=ending.reason)
        for mid in [*self._unacknowledged]:
            self.settled(mid, lost)
        if self._watch is not None:
            self._watch.cancel()
