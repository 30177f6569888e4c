"""The network thread of one connection: paho, and the only crossing from its thread to the loop.

How it works. paho runs one thread for each connection; its callbacks turn what they get into our
own types and hand it to the loop, which is woken once for all that has come. A callback that
fails is logged and counted, and mended: an exception would end paho's thread for good, with
``is_connected()`` still True, and what the callback should have told would be waited for in vain.
A client is never reused: a fresh one has no message of the past that paho would send behind our
back on reconnect, over the broker's Receive Maximum and without a way to stop it.
"""

import asyncio
import contextlib
import functools
import logging
import socket
from collections import deque
from collections.abc import Callable, Sequence
from typing import Concatenate, Final, ParamSpec, Protocol

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from planner_node.mqtt.lean_paho import LeanPaho, PlainMessage
from planner_node.mqtt.packets import (
    FIRST_REFUSAL,
    REASON_TAKEN_OVER,
    ConnectOptions,
    Delivery,
    Ending,
    EndKind,
    Granted,
    Publication,
    PublishOutcome,
    Subscription,
)
from planner_node.mqtt.paho_types import (
    configure,
    connect_arguments,
    connect_failure,
    delivery_from,
    granted_from,
    publish_outcome,
    publish_properties,
    subscribe_options,
    unreadable,
)

logger = logging.getLogger(__name__)

Params = ParamSpec("Params")
_UNSPECIFIED: Final = 0x80  # paho's word for the end of the stream
_CALLBACKS: Final = (
    "on_socket_open",
    "on_connect",
    "on_disconnect",
    "on_message",
    "on_publish",
    "on_subscribe",
)


class Hearing(Protocol):
    """What the loop hears of the network; every method but ``takes`` is called on the loop."""

    def takes(self, on_their_way: int) -> bool:
        """Network thread: whether there is room for one more message at QoS 0."""
        ...

    def accepted(self, granted: Granted) -> None: ...
    def delivered(self, delivery: Delivery) -> None: ...
    def settled(self, mid: int, outcome: PublishOutcome) -> None: ...
    def subscribed(self, mid: int, reason_codes: Sequence[int]) -> None: ...
    def stumbled(self) -> None: ...
    def finished(self, ending: Ending) -> None: ...


def _guarded(
    callback: Callable[Concatenate["Network", Params], None],
) -> Callable[Concatenate["Network", Params], None]:
    """Network thread: mend an exception of a callback instead of letting it end the thread."""

    @functools.wraps(callback)
    def guard(self: "Network", /, *args: Params.args, **kwargs: Params.kwargs) -> None:
        try:
            callback(self, *args, **kwargs)
        except Exception as error:
            logger.exception("! mqtt callback %s failed", callback.__name__)
            self.mend(callback.__name__, error, args)

    return guard


class Network:
    """One paho client and its thread; methods belong to the loop, ``on_…`` to the thread."""

    def __init__(
        self, options: ConnectOptions, *, is_v5: bool, epoch: int, hearing: Hearing
    ) -> None:
        self._options = options
        self._is_v5 = is_v5
        self._epoch = epoch
        self._hearing = hearing
        self._paho: LeanPaho | None = None
        self._is_accepted = False
        self._is_leaving = False
        self._refusal: ReasonCode | None = None
        self._farewell: ReasonCode | None = None
        self._crossing: deque[tuple[Callable[..., None], tuple[object, ...]]] = deque()
        self._is_woken = False

    def start(self) -> None:
        """Start the thread, which connects.

        Raises:
            OSError: a TLS file cannot be read or used.
        """
        self._loop = asyncio.get_running_loop()
        self._paho = client = LeanPaho(
            CallbackAPIVersion.VERSION2,
            client_id=self._options.client_id,
            clean_session=None if self._is_v5 else self._options.session_expiry_s == 0,
            protocol=paho.MQTTv5 if self._is_v5 else paho.MQTTv311,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        client.address = (self._options.host, self._options.port, self._options.keepalive_s)
        client.connect_arguments = connect_arguments(self._options, is_v5=self._is_v5)
        configure(client, self._options, is_v5=self._is_v5)
        client.later = self._loop.call_soon
        client.on_end, client.on_puback = self.on_end, self.on_puback
        client.on_plain_message, client.on_refusal = self.on_plain_message, self.on_refusal
        for name in _CALLBACKS:
            setattr(client, name, getattr(self, name))
        client.loop_start()

    def subscribe(self, subscriptions: Sequence[Subscription]) -> int | None:
        """Send one SUBSCRIBE at QoS 1; return its packet id, or None without a connection."""
        if self._paho is None:
            return None
        filters = [(s.topic_filter, subscribe_options(s, is_v5=self._is_v5)) for s in subscriptions]
        return self._paho.subscribe(filters)[1]

    def publish(self, publication: Publication, until_s: float) -> int | None:
        """Send one PUBLISH at QoS 0 or 1; return its packet id, or None without a connection."""
        if self._paho is None:
            return None
        return self._paho.send_publish(
            publication.topic,
            publication.payload,
            publish_properties(publication).pack() if self._is_v5 else b"",
            qos=publication.qos,
            retain=publication.retain,
            until_s=until_s,
        )

    def acknowledge(self, delivery: Delivery) -> None:
        """Send the PUBACK."""
        if self._paho is not None:
            self._paho.ack(delivery.mid, delivery.qos)

    def leave(self) -> None:
        """Send DISCONNECT, so that the broker does not publish the last will."""
        self._is_leaving = True
        if self._paho is not None:
            self._paho.disconnect()

    def cut(self) -> None:
        """Cut the line, which wakes the thread and ends it; the last will is published."""
        if self._paho is not None:
            self._paho.cut()

    # -- network thread ----------------------------------------------------------------------

    def _post(self, call: Callable[..., None], *args: object) -> None:
        """Network thread: the crossing; the loop is woken once for all that waits there."""
        self._crossing.append((call, args))
        if not self._is_woken:
            self._is_woken = True
            with contextlib.suppress(RuntimeError):  # the loop is closed, nobody listens any more
                self._loop.call_soon_threadsafe(self._arrive)

    def mend(self, callback: str, error: Exception, given: tuple[object, ...]) -> None:
        """Network thread: let nobody wait for what a failed callback should have told."""
        self._post(self._hearing.stumbled)
        if callback == "on_end":
            self._post(self._end, Ending(EndKind.LOST, f"{callback} failed: {error}"))
        elif isinstance(message := given[-1], paho.MQTTMessage | PlainMessage):
            fault = f"{type(error).__name__}: {error}"
            self._post(self._hearing.delivered, unreadable(message, self._epoch, fault))
        else:
            self.cut()  # the next connection subscribes, sends and receives again

    @_guarded
    def on_socket_open(self, _client: object, _userdata: object, sock: socket.socket) -> None:
        # Nagle's algorithm and delayed acknowledgements cost 40 to 90 ms a message.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    @_guarded
    def on_connect(
        self,
        _client: object,
        _userdata: object,
        flags: paho.ConnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        if reason.value >= FIRST_REFUSAL:
            self.on_refusal(reason)
            return
        self._is_accepted = True
        granted = granted_from(
            properties, is_v5=self._is_v5, session_present=bool(flags.session_present)
        )
        self._post(self._hearing.accepted, granted)

    @_guarded
    def on_refusal(self, reason: ReasonCode) -> None:
        self._refusal = reason

    @_guarded
    def on_disconnect(
        self,
        _client: object,
        _userdata: object,
        _flags: object,
        reason: ReasonCode,
        _properties: object,
    ) -> None:
        self._farewell = reason

    @_guarded
    def on_message(self, _client: object, _userdata: object, message: paho.MQTTMessage) -> None:
        self._hand_on(message)

    @_guarded
    def on_plain_message(self, message: PlainMessage) -> None:
        self._hand_on(message)

    def _hand_on(self, message: paho.MQTTMessage | PlainMessage) -> None:
        if message.qos > 0 or self._hearing.takes(len(self._crossing)):
            self._post(self._hearing.delivered, delivery_from(message, self._epoch))

    @_guarded
    def on_publish(self, _client: object, _userdata: object, mid: int, *_: object) -> None:
        self._post(self._hearing.settled, mid, publish_outcome(0))  # at QoS 0 nobody answers

    @_guarded
    def on_puback(self, mid: int, reason: int) -> None:
        self._post(self._hearing.settled, mid, publish_outcome(reason))

    @_guarded
    def on_subscribe(
        self,
        _client: object,
        _userdata: object,
        mid: int,
        reasons: Sequence[ReasonCode],
        _properties: object,
    ) -> None:
        self._post(self._hearing.subscribed, mid, [reason.value for reason in reasons])

    @_guarded
    def on_end(self, error: BaseException | None) -> None:
        self._post(self._end, self._ending(error))

    def _ending(self, error: BaseException | None) -> Ending:
        if self._is_leaving:
            return Ending(EndKind.CLOSED, "closed")
        if not self._is_accepted:
            return connect_failure(error, self._refusal)
        if self._farewell is not None and self._farewell.value == REASON_TAKEN_OVER:
            return Ending(EndKind.TAKEN_OVER, str(self._farewell))
        said = (
            "" if self._farewell is None or self._farewell.value == _UNSPECIFIED else self._farewell
        )
        return Ending(EndKind.LOST, str(error or said or "the connection was lost"))

    # -- loop --------------------------------------------------------------------------------

    def _arrive(self) -> None:
        self._is_woken = False  # before the look: what comes after wakes again
        try:
            while self._crossing:
                call, args = self._crossing.popleft()
                call(*args)
        finally:
            if self._crossing:  # one of them failed, and the loop tells it
                self._loop.call_soon(self._arrive)

    def _end(self, ending: Ending) -> None:
        if self._paho is not None:
            del self._paho.on_end, self._paho.on_puback
            del self._paho.on_plain_message, self._paho.on_refusal
            for name in _CALLBACKS:  # breaks the circle, so that its sockets are closed now
                setattr(self._paho, name, None)
            self._paho = None
        self._hearing.finished(ending)
