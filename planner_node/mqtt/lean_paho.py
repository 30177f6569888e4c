"""paho's client with fewer system calls and fewer objects a packet.

How it works. Each ``recv``, ``send`` and wake-up lets go of the interpreter's lock, and a thread
that wants the lock back waits until the loop's thread gives it up. paho makes three calls for a
packet that comes in, one for a packet that goes out, and one to wake its thread for each publish;
at a thousand tasks a second the node did little else. Here the socket reads ahead and writes in
one piece, and the thread is woken once for all that is published meanwhile (``sockets.py``). The
packets that make up nearly all of the traffic, a PUBLISH either way and its PUBACK, are written
and read here; everything else is paho's. What is in flight is remembered by the caller alone.
"""

import contextlib
import select
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from paho.mqtt import client as paho
from paho.mqtt.enums import MessageType, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from planner_node.mqtt.sockets import Bell, BufferedSocket, Later, dated, wait

_READ_AT_ONCE: Final = 128  # packets, some 2 ms: a flood must not keep anything from being written
_PACKET_ID_BYTES: Final = 2
_QOS_1: Final = 0x02
_PUBLISH_READ_HERE: Final = (MessageType.PUBLISH, MessageType.PUBLISH | _QOS_1)
_HAS_POLL: Final = hasattr(select, "poll")  # not on Windows, whose select takes every descriptor
_DUP: Final = 0x08
_RETAIN: Final = 0x01
_RINGS_AT_ONCE: Final = 10_000
_OTHER_VERSION: Final = b"\x01"  # CONNACK's return code in MQTT 3.1.1, and its name in MQTT 5
_UNSUPPORTED_VERSION: Final = 0x84


@dataclass(slots=True)
class PlainMessage:
    """A message at QoS 0 or 1 without properties, with the names that paho's own ones have."""

    topic: str
    payload: bytes
    retain: bool
    dup: bool
    mid: int  # 0 at QoS 0
    qos: int = 1
    properties: None = None


class LeanPaho(paho.Client):
    """paho's client with a thread that connects, serves, and always says why it ended."""

    address: tuple[str, int, int]
    connect_arguments: dict[str, Any]
    on_end: Callable[[BaseException | None], None]
    on_refusal: Callable[[ReasonCode], None]  # where paho tells nobody
    on_puback: Callable[[int, int], None]
    on_plain_message: Callable[[PlainMessage], None]
    later: Later | None = None  # calls something when the turn of the thread that starts us is over
    _line: BufferedSocket | None = None  # there before paho knows of it
    _is_cut = False

    def loop_start(self) -> MQTTErrorCode:
        """Start the network thread."""
        started = super().loop_start()
        self._sockpairW: Any = Bell(self._sockpairW, self.later)
        return started

    def loop_forever(
        self,
        timeout: float = 1.0,
        retry_first_connection: bool = False,  # noqa: FBT001, FBT002  paho's signature
    ) -> MQTTErrorCode:
        """Network thread: its whole life."""
        error: BaseException | None = None
        try:
            self.connect(*self.address, **self.connect_arguments)
            return super().loop_forever(timeout, retry_first_connection)
        except BaseException as failure:  # noqa: BLE001  a dead network thread must be heard
            error = failure
            return MQTTErrorCode.MQTT_ERR_UNKNOWN
        finally:
            self.on_end(error)
            del error  # its traceback holds this frame: a circle would keep the sockets

    def cut(self) -> None:
        """Cut the line, which wakes the thread and ends it; the last will is published.

        A thread that still looks up the name, connects or shakes hands ends when that is done.
        """
        self._is_cut = True  # before the look: the thread leaves its line there, then looks here
        if self._line is not None:
            self._line.cut()

    def _loop(self, timeout: float = 1.0) -> MQTTErrorCode:
        """Network thread: wait, read, write; paho's ``select`` takes no descriptor over 1,023."""
        line, bell = self._sock, self._sockpairR
        if not _HAS_POLL or not isinstance(line, BufferedSocket) or bell is None:
            return super()._loop(timeout)
        try:
            ready = wait(line, bell, wants_write=self.want_write(), most_s=timeout)
        except (OSError, ValueError):
            return MQTTErrorCode.MQTT_ERR_CONN_LOST
        if ready.is_rung:
            with contextlib.suppress(BlockingIOError):
                bell.recv(_RINGS_AT_ONCE)
        for is_due, work in (
            (ready.can_read, self.loop_read),
            (ready.can_write or ready.is_rung, self.loop_write),
            (True, self.loop_misc),
        ):
            if is_due and ((failed := work()) or self._sock is None):
                return failed
        return MQTTErrorCode.MQTT_ERR_SUCCESS

    def loop_read(self, max_packets: int = 1) -> MQTTErrorCode:
        """Network thread: take what was read ahead, but leave time to write."""
        taken = MQTTErrorCode.MQTT_ERR_SUCCESS
        for _ in range(_READ_AT_ONCE):
            taken = super().loop_read(max_packets)
            if taken or not isinstance(self._sock, BufferedSocket) or not self._sock.pending():
                break
        return taken

    def loop_write(self) -> MQTTErrorCode:
        """Network thread: write every packet that waits, in one piece."""
        if isinstance(self._sockpairW, Bell):
            self._sockpairW.is_rung = False  # before the look: what comes after rings again
        written = super().loop_write()
        if isinstance(self._sock, BufferedSocket):
            # A line that is broken says so when it is read.
            with contextlib.suppress(OSError):
                self._sock.flush()
        return written

    def want_write(self) -> bool:
        """Whether something waits for the line to take it."""
        unsent = isinstance(self._sock, BufferedSocket) and self._sock.has_unsent
        return unsent or super().want_write()

    def send_publish(
        self,
        topic: str,
        payload: bytes,
        properties: bytes,
        *,
        qos: int,
        retain: bool,
        until_s: float,
    ) -> int:
        """Send one PUBLISH at QoS 0 or 1 and return its packet id.

        ``properties`` are packed with their length; empty over MQTT 3.1.1. ``on_puback`` tells of
        the answer; at QoS 0 ``on_publish`` that it was handed to the line. What is not written by
        ``until_s``, a moment of ``monotonic_s``, ends the line instead: a process may be stopped
        between any two steps, and would speak after its heir when it is awake again.
        """
        mid = self._mid_generate()
        name = topic.encode()
        packet_id = struct.pack("!H", mid) if qos else b""
        body = b"".join((struct.pack("!H", len(name)), name, packet_id, properties, payload))
        head = bytearray((MessageType.PUBLISH | (qos << 1) | retain,))
        packet = dated(self._pack_remaining_length(head, len(body)) + body, until_s)
        info = None if qos else paho.MQTTMessageInfo(mid)
        self._packet_queue(MessageType.PUBLISH, packet, mid, qos, info)
        return mid

    def _create_socket(self) -> Any:  # noqa: ANN401  paho's union of sockets
        self._line = line = BufferedSocket(super()._create_socket())
        if self._is_cut:
            # A CONNECT now would take our id from the connection that has followed this one.
            line.close()
            raise ConnectionAbortedError("given up before the line was there")
        return line

    def _packet_handle(self) -> MQTTErrorCode:
        command, body = self._in_packet["command"], self._in_packet["packet"]
        if command == MessageType.PUBACK and len(body) >= _PACKET_ID_BYTES:
            (mid,), reason = struct.unpack_from("!H", body), body[_PACKET_ID_BYTES:][:1]
            # Without a reason code it says success (MQTT 5, 3.4.2.1).
            self.on_puback(mid, reason[0] if reason else 0)
            return MQTTErrorCode.MQTT_ERR_SUCCESS
        if command & ~(_DUP | _RETAIN) in _PUBLISH_READ_HERE:
            message = self._plain_message(command, body)
            if message is not None:
                self.on_plain_message(message)
                return MQTTErrorCode.MQTT_ERR_SUCCESS
        return super()._packet_handle()

    def _handle_connack(self) -> MQTTErrorCode:
        if self._protocol == paho.MQTTv311 and self._in_packet["packet"][1:] == _OTHER_VERSION:
            # paho would only end, and nobody would know why.
            self.on_refusal(ReasonCode(PacketTypes.CONNACK, identifier=_UNSUPPORTED_VERSION))
            return MQTTErrorCode.MQTT_ERR_PROTOCOL
        return super()._handle_connack()

    def _plain_message(self, command: int, body: bytearray) -> PlainMessage | None:
        """Read a PUBLISH; None when there is more to it, or something is wrong with it."""
        qos, mid = (command & _QOS_1) >> 1, 0
        try:
            (topic_bytes,) = struct.unpack_from("!H", body)
            topic = body[2 : 2 + topic_bytes].decode()
            place = 2 + topic_bytes
            if qos:
                (mid,) = struct.unpack_from("!H", body, place)
                place += 2
            if self._protocol == paho.MQTTv5:
                if body[place] != 0:  # the length of the properties
                    return None
                place += 1
        except (struct.error, IndexError, UnicodeDecodeError):
            return None
        if not topic or place > len(body):
            return None
        retain, dup = bool(command & _RETAIN), bool(command & _DUP)
        return PlainMessage(topic, bytes(body[place:]), retain, dup, mid, qos)
