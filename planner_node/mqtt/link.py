"""The connection that comes back: connects, subscribes, and tries again with jitter."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from planner_node.errors import BrokerRefused
from planner_node.mqtt.client import Connection
from planner_node.mqtt.inbox import Inbox
from planner_node.mqtt.packets import (
    BAD_CREDENTIALS,
    FIRST_REFUSAL,
    QOS_NOT_SUPPORTED,
    RETAIN_NOT_SUPPORTED,
    ConnectOptions,
    Delivery,
    Ending,
    EndKind,
    Granted,
    Publication,
    Subscription,
)
from planner_node.mqtt.reconnect import Reconnect

logger = logging.getLogger(__name__)

RESUBSCRIBE_S: Final = 5.0
# A broker that lacks a version may hang up on it; a line that is cut looks the same, but not twice.
HANG_UPS_OF_AN_OLD_BROKER: Final = 2


@dataclass(frozen=True, slots=True)
class LinkState:
    """Whether the broker hears us and we hear everything we asked for; ``reason`` if not.

    A broker that offers less than it should is ok, and has a reason all the same.
    """

    is_ok: bool
    reason: str = ""


class Link:
    """Keeps one connection up; deliveries of all connections come out of one iterator."""

    def __init__(
        self,
        options: ConnectOptions,
        subscriptions: Callable[[Granted], Sequence[Subscription]],
        reconnect: Reconnect,
    ) -> None:
        self._options = options
        self._subscriptions = subscriptions
        self.reconnect = reconnect
        self.state = LinkState(is_ok=False, reason=f"not connected to {options.url} yet")
        self.has_listened = asyncio.Event()  # for good: set with the first subscription
        self.was_forgotten = asyncio.Event()  # set with each session that the broker begins anew
        self.connects = 0
        self.stumbles = 0  # callbacks of the network thread that failed
        self._epoch = 0
        self._is_v5 = True
        self._will = options.will  # as the broker takes it
        self._hang_ups = 0  # in a row, at our CONNECT of MQTT 5
        self._connection: Connection | None = None
        self._is_leaving = asyncio.Event()
        self._changed = asyncio.Condition()
        self._inbox = Inbox()

    async def run(self) -> None:
        """Connect again and again, until ``leave``."""
        try:
            while not self._is_leaving.is_set():
                await self._connect_once()
        finally:
            if self._connection is not None:  # cancelled: leave without a word
                self._connection.abort(Ending(EndKind.CLOSED, "stopped"))

    async def _connect_once(self) -> None:
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        connection = self._next_connection()
        ending = await connection.open()
        if self._should_fall_back(ending):
            logger.info("↻ mqtt %s lacks MQTT 5: trying 3.1.1", self._options.url)
            self._is_v5 = False
            return
        if ending is not None and (will := self._plainer_will(ending)) is not None:
            logger.warning("! mqtt %s: trying a plainer last will", ending.reason)
            self._will = will
            return
        self._is_v5 = True  # tried first each time: the broker may be a new one
        if ending is None:
            began_s = loop.time()
            ending = await self._serve(connection)
            self._will = self._options.will  # as above
        if not self._is_leaving.is_set():
            await self._pause(ending, loop.time() - began_s)

    def _should_fall_back(self, ending: Ending | None) -> bool:
        """Whether the broker has shown that it lacks MQTT 5."""
        hung_up = self._is_v5 and ending is not None and ending.kind is EndKind.HUNG_UP
        self._hang_ups = self._hang_ups + 1 if hung_up else 0
        if self._hang_ups == HANG_UPS_OF_AN_OLD_BROKER:
            self._hang_ups = 0
            return True
        refused = ending is not None and ending.kind is EndKind.UNSUPPORTED_VERSION
        return self._is_v5 and refused

    def _plainer_will(self, ending: Ending) -> Publication | None:
        """Return a last will without what the broker has refused of it, None if it was not that."""
        will = self._will
        if will is None:
            return None
        if ending.reason_code == RETAIN_NOT_SUPPORTED and will.retain:
            return replace(will, retain=False)
        if ending.reason_code == QOS_NOT_SUPPORTED and will.qos > 0:
            return replace(will, qos=0)
        return None

    async def leave(self, *, in_order: bool = True) -> None:
        """Let ``run`` return; ``in_order`` says goodbye first, so that no last will is said."""
        self._is_leaving.set()
        if self._connection is None:
            return
        if in_order:
            await self._connection.close()
        else:
            self._connection.abort(Ending(EndKind.CLOSED, "left without a word"))

    @property
    def dropped(self) -> int:
        """How many deliveries at QoS 0 found no room."""
        return self._inbox.dropped

    @property
    def is_up(self) -> bool:
        """Whether there is a connection, whatever it lets us subscribe to."""
        return self._younger(0) is not None

    async def connection(self, after_epoch: int = 0) -> Connection:
        """Wait for a connection that is up and younger than the given one."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._younger(after_epoch) is not None)
        return self._younger(after_epoch) or await self.connection(after_epoch)

    def _younger(self, epoch: int) -> Connection | None:
        current = self._connection
        is_younger = current is not None and current.is_up and current.epoch > epoch
        return current if is_younger else None

    async def deliveries(self) -> AsyncIterator[Delivery]:
        """Yield what comes in; what an older connection left behind is sent again, so skip it."""
        while (delivery := await self._inbox.get()) is not None:
            if delivery.qos == 0 or self.is_current(delivery):
                yield delivery

    def end_deliveries(self) -> None:
        """End the iterator; what comes now stays unacknowledged, so that the broker keeps it."""
        self._inbox.put(None)

    def is_current(self, delivery: Delivery) -> bool:
        """Whether the delivery can still be acknowledged."""
        return delivery.epoch == self._epoch

    def acknowledge(self, delivery: Delivery) -> bool:
        """Send the PUBACK; return False when it is too late, so that the broker redelivers."""
        return self._connection is not None and self._connection.acknowledge(delivery)

    def proof(self) -> Callable[[], bool]:
        """Return what tells, later, whether the broker has surely read all that is sent by now."""
        return (lambda: False) if self._connection is None else self._connection.proof()

    async def settled(self, delivery: Delivery) -> bool:
        """Wait until the broker has every PUBACK sent so far on the delivery's connection.

        It has: it answers in order, and here a SUBSCRIBE to what is subscribed already. False where
        that connection has ended, so that what it has not heard of comes again.
        """
        if self._connection is None or not self.is_current(delivery):
            return False
        codes = await self._connection.subscribe([Subscription(delivery.topic)])
        return bool(codes) and self.is_current(delivery)

    def _next_connection(self) -> Connection:
        self._epoch += 1
        # Known before it is up: what the broker kept for us may come right behind CONNACK.
        self._connection = Connection(
            replace(self._options, will=self._will),
            is_v5=self._is_v5,
            epoch=self._epoch,
            deliver=self._inbox.put,
            takes=self._inbox.takes,
            stumble=self._stumble,
        )
        return self._connection

    def _stumble(self) -> None:
        self.stumbles += 1

    async def _serve(self, connection: Connection) -> Ending:
        """Subscribe, then stay until the connection ends."""
        granted, self.connects = connection.granted, self.connects + 1
        logger.info("→ mqtt connected url=%s version=%s", self._options.url, granted.mqtt_version)
        if granted.shortfall:
            logger.warning("! mqtt %s", granted.shortfall)
        if not granted.session_present:
            self.was_forgotten.set()
        async with self._changed:
            self._changed.notify_all()
        async with asyncio.TaskGroup() as group:
            listening = group.create_task(self._listen(connection), name="mqtt.subscribe")
            ending = await connection.ended()
            listening.cancel()
        return ending

    async def _listen(self, connection: Connection) -> None:
        """Subscribe until the broker grants every filter; the rest of the door works meanwhile."""
        try:
            wanted = self._subscriptions(connection.granted)
        except BrokerRefused as error:
            self._miss(str(error))
            return
        while wanted := await self._refused(connection, wanted):  # noqa: ASYNC110  nobody tells us
            await asyncio.sleep(RESUBSCRIBE_S)
        if connection.is_up:
            self.state = LinkState(is_ok=True, reason=connection.granted.shortfall)
            self.has_listened.set()

    async def _refused(
        self, connection: Connection, wanted: Sequence[Subscription]
    ) -> list[Subscription]:
        """Subscribe; return what the broker refused."""
        codes = await connection.subscribe(wanted)
        refused = [
            (subscription, code)
            for subscription, code in zip(wanted, codes, strict=False)
            if code >= FIRST_REFUSAL
        ]
        if refused:
            named = ", ".join(f"{one.topic_filter} (reason {code:#x})" for one, code in refused)
            self._miss(f"the broker refuses us {named}; check its ACL")
        return [subscription for subscription, _ in refused]

    def _miss(self, reason: str) -> None:
        """Note that we do not hear everything; said once, and not at every try."""
        if reason != self.state.reason:
            logger.error("! mqtt %s", reason)
        self.state = LinkState(is_ok=False, reason=reason)

    async def _pause(self, ending: Ending, lived_s: float) -> None:
        delay_s, taken_over = self.reconnect.after(ending, lived_s)
        self.state = LinkState(is_ok=False, reason=self._explain(ending, taken_over=taken_over))
        logger.warning("! mqtt %s retry_s=%.1f", self.state.reason, delay_s)
        try:
            async with asyncio.timeout(delay_s):
                await self._is_leaving.wait()
        except TimeoutError:
            return

    def _explain(self, ending: Ending, *, taken_over: bool) -> str:
        options = self._options
        if taken_over:
            return (
                f"another client uses our id {options.client_id!r} at {options.url}; "
                "give each node its own node_id"
            )
        if ending.kind is EndKind.REFUSED:
            who = f" for user {options.username!r}" if options.username else ""
            may_be_ours = ending.reason_code in BAD_CREDENTIALS
            advice = "; check mqtt.username and its password" if may_be_ours else ""
            return f"{options.url}{who}: {ending.reason}{advice}"
        return f"no connection to {options.url}: {ending.reason}"
