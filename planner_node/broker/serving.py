"""amqtt, with its rough edges taken off: who may speak, what is retained, and how it is reached.

amqtt 0.12 knows MQTT 3.1.1 only. A CONNECT of MQTT 5 makes it wait for bytes that never come, so
the first bytes are looked at here, and MQTT 5 gets the refusal that makes clients fall back.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator
from typing import Any, Final

from amqtt.adapters import ReaderAdapter, StreamReaderAdapter, StreamWriterAdapter
from amqtt.broker import Broker
from amqtt.contexts import BrokerConfig, ListenerConfig, ListenerType
from amqtt.mqtt.protocol.broker_handler import BrokerProtocolHandler
from amqtt.plugins.base import BaseAuthPlugin
from amqtt.session import Session

from planner_node.broker.filters import Filters, has_too_many_levels
from planner_node.broker.listening import listening

_LISTENER: Final = "default"
_SESSION_EXPIRY_S: Final = 86_400
_CONNECT_TIMEOUT_S: Final = 8.0
_SHUTDOWN_TIMEOUT_S: Final = 1.0
_MAX_PACKET_BYTES: Final = 2_000_000  # as config/mosquitto.conf has it
_MAX_CONNECT_BYTES: Final = 65_536  # amqtt would wait for whatever length a stranger names
_FIRST_BYTES: Final = 12  # enough to hold the level behind any length; every CONNECT has 14
_MORE: Final = 0x80  # a length goes on with the next byte
_NAME_BYTES: Final = 6  # two of length, then MQTT
_LEVEL_3_1_1: Final = 4
_REFUSED: Final = 0x80  # SUBACK, MQTT 3.1.1 §3.9.3
_CONNACK_UNACCEPTABLE_LEVEL: Final = b"\x20\x02\x00\x01"


class OpenHouse(BaseAuthPlugin):  # type: ignore[misc]  # amqtt is not typed for us
    """Lets everyone in, as somebody: amqtt forgets the sessions of anonymous clients at once."""

    async def authenticate(self, *, session: Session) -> bool:
        del session
        return True


class _Retained(bytes):
    """A payload that was published with the retain flag."""


class _AsPublished:
    """The way to a client that is told of the retain flag; amqtt takes it off, as 3.1.1 says."""

    def __init__(self, handler: BrokerProtocolHandler) -> None:
        self._handler = handler

    async def mqtt_publish(
        self,
        topic: str,
        data: bytes,
        qos: int | None,
        retain: bool,  # noqa: FBT001  amqtt's signature
    ) -> None:
        is_retained = retain or isinstance(data, _Retained)
        await self._handler.mqtt_publish(topic, data, qos, retain=is_retained)


class _Broker(Broker):  # type: ignore[misc]  # as above
    """amqtt's broker with MQTT's own rules for the retain flag and retained messages.

    Over MQTT 3.1.1 a retained message comes to those who listen already as if it were not. The
    node must know (a stale command must not move a robot), so to its own session the flag goes as
    it was published: what MQTT 5 calls Retain As Published.
    """

    node_id: str | None = None

    def __init__(self, config: BrokerConfig) -> None:
        super().__init__(config)
        self._subscriptions = Filters()

    async def add_subscription(self, subscription: tuple[str, int], session: Session) -> int:
        if has_too_many_levels(subscription[0]):
            return _REFUSED
        granted: int = await super().add_subscription(subscription, session)
        return granted

    async def _run_broadcast(self, running_tasks: deque[asyncio.Task[Any]]) -> None:
        """Take one message to those who listen; amqtt would look at everybody's filters."""
        message = await self._broadcast_queue.get()
        for session, granted_qos in list(self._subscriptions.listeners(message["topic"])):
            qos = message.get("qos", granted_qos)
            if session.transitions.state == "connected":
                sending = self._sending(session, message, qos)
                running_tasks.append(asyncio.ensure_future(sending))
            elif not session.clean_session and qos > 0:
                await self._retain_broadcast_message(message, qos, session)

    async def _sending(self, session: Session, message: dict[str, Any], qos: int) -> None:
        handler = self._get_handler(session)
        if handler is not None:
            await handler.mqtt_publish(message["topic"], message["data"], qos, retain=False)

    def _get_handler(self, session: Session) -> BrokerProtocolHandler | _AsPublished | None:
        handler = super()._get_handler(session)
        is_node = handler is not None and session.client_id == self.node_id
        return _AsPublished(handler) if is_node else handler

    async def _handle_message_delivery(
        self,
        client_session: Session,
        handler: BrokerProtocolHandler,
        wait_deliver: asyncio.Future[Any],
    ) -> bool:
        message = wait_deliver.result()
        packet = None if message is None else message.publish_packet
        if packet is not None and packet.retain_flag:
            message.data = _Retained(message.data)
        goes_on: bool = await super()._handle_message_delivery(
            client_session, handler, wait_deliver
        )
        return goes_on

    async def _publish_session_retained_messages(self, session: Session) -> None:
        """Send what was queued while the client was away; amqtt would flag it as retained."""
        handler = self._get_handler(session)
        if handler is None:
            return
        while not session.retained_messages.empty():
            kept = session.retained_messages.get_nowait()
            with contextlib.suppress(TimeoutError):  # amqtt waits 5 s for the PUBACK
                await handler.mqtt_publish(kept.topic, kept.data, kept.qos, retain=False)

    async def _publish_retained_messages_for_subscription(
        self, subscription: tuple[str, int], session: Session
    ) -> None:
        """Send retained messages to those who subscribed; amqtt would send them to all."""
        subscribers = self.subscriptions.get(subscription[0], [])
        if any(theirs.client_id == session.client_id for theirs, _ in subscribers):
            await super()._publish_retained_messages_for_subscription(subscription, session)


class PacketTooLarge(Exception):
    """Ends the connection of a client that announces more than anyone takes."""


class _Replay(ReaderAdapter):  # type: ignore[misc]  # as above
    """A reader that gives the bytes again that were looked at, and takes no flood after them."""

    def __init__(self, first: bytes, reader: asyncio.StreamReader) -> None:
        self._first = first
        self._rest = StreamReaderAdapter(reader)

    async def read(self, n: int = -1) -> bytes:
        if n > _MAX_PACKET_BYTES:
            raise PacketTooLarge(n)
        if not self._first:
            rest: bytes = await self._rest.read(n)
            return rest
        if n < 0:
            n = len(self._first)
        data, self._first = self._first[:n], self._first[n:]
        missing = n - len(data)
        return data + (await self._rest.read(missing) if missing else b"")

    def feed_eof(self) -> None:
        self._rest.feed_eof()


@contextlib.asynccontextmanager
async def serve(host: str, port: int, node_id: str | None = None) -> AsyncIterator[int]:
    """Run a broker for the length of the block; yields the port that it listens on.

    The client ``node_id`` hears the retain flag as it was published.

    Raises:
        OSError: the address is in use, or not ours.
    """
    broker = _Broker(_config())
    broker.node_id = node_id
    await broker.start()

    async def admit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _admit(broker, reader, writer)

    try:
        async with listening(admit, host, port) as taken:
            yield taken
    finally:
        with contextlib.suppress(Exception):  # it is going away anyhow
            async with asyncio.timeout(_SHUTDOWN_TIMEOUT_S):
                await broker.shutdown()


def _config() -> Any:  # noqa: ANN401  amqtt is not typed for us
    return BrokerConfig(
        listeners={_LISTENER: ListenerConfig(type=ListenerType.EXTERNAL)},
        session_expiry_interval=_SESSION_EXPIRY_S,
        plugins={f"{__name__}.{OpenHouse.__name__}": {}},
    )


async def _admit(
    broker: _Broker, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Let a client in whose first packet is a CONNECT that amqtt understands, whole and in time."""
    first = b""
    with contextlib.suppress(TimeoutError, OSError, asyncio.IncompleteReadError):
        async with asyncio.timeout(_CONNECT_TIMEOUT_S):
            first = await _first_packet(reader)
    level = protocol_level(first)
    if level == _LEVEL_3_1_1:
        replay, answers = _Replay(first, reader), StreamWriterAdapter(writer)
        await broker.external_connected(replay, answers, _LISTENER)
        return
    if level is not None:
        writer.write(_CONNACK_UNACCEPTABLE_LEVEL)


async def _first_packet(reader: asyncio.StreamReader) -> bytes:
    """Read a whole CONNECT of 3.1.1; of anything else only what is needed to answer it."""
    first = await reader.readexactly(_FIRST_BYTES)
    if protocol_level(first) != _LEVEL_3_1_1:
        return first
    missing = _packet_bytes(first) - _FIRST_BYTES
    if not 0 <= missing <= _MAX_CONNECT_BYTES:
        return b""
    return first + await reader.readexactly(missing)


def _packet_bytes(first: bytes) -> int:
    """Return the length of the whole packet, by its remaining length (MQTT 3.1.1 §2.2.3)."""
    length, place = 0, 1
    while True:
        length |= (first[place] & 0x7F) << 7 * (place - 1)
        place += 1
        if not first[place - 1] & _MORE:
            return place + length


def protocol_level(first: bytes) -> int | None:
    """Return the level that a CONNECT asks for, None if these bytes are no CONNECT."""
    if len(first) < _FIRST_BYTES or first[0] != 0x10:  # noqa: PLR2004  CONNECT, MQTT 3.1.1 §3.1.1
        return None
    name_at = 2
    while first[name_at - 1] & _MORE and name_at < _FIRST_BYTES - _NAME_BYTES:
        name_at += 1
    level_at = name_at + _NAME_BYTES
    if first[name_at:level_at] != b"\x00\x04MQTT" or level_at >= _FIRST_BYTES:
        return None
    return first[level_at]
