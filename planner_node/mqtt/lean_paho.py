"""paho's client with fewer system calls and fewer objects a packet.

How it works. Each ``recv``, ``send`` and wake-up lets go of the interpreter's lock, and a thread
that wants the lock back waits until the loop's thread gives it up. paho makes three calls for a
packet that comes in, one for a packet that goes out, and one to wake its thread for each publish;
at a thousand tasks a second the node did little else. Here the socket reads ahead and writes in
one piece, and the thread is woken once for all that is published meanwhile. The three packets
that make up nearly all of the traffic, a PUBLISH at QoS 1 either way and its PUBACK, are written
and read here; everything else is paho's. What is in flight is remembered by the caller alone.
"""

import contextlib
import socket
import ssl
import struct
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from paho.mqtt import client as paho
from paho.mqtt.enums import MessageType, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from planner_node.clock import monotonic_s

_READ_AHEAD_BYTES: Final = 65_536
_WRITE_AT_BYTES: Final = 65_536
_PACKET_ID_BYTES: Final = 2
_PUBLISH_AT_QOS_1: Final = MessageType.PUBLISH | 0x02
_DUP: Final = 0x08
_RETAIN: Final = 0x01
_OTHER_VERSION: Final = b"\x01"  # CONNACK's return code in MQTT 3.1.1, and its name in MQTT 5
_UNSUPPORTED_VERSION: Final = 0x84
Later = Callable[[Callable[[bytes], None], bytes], object]


@dataclass(slots=True)
class PlainMessage:
    """A message at QoS 1 without properties, with the names that paho's own messages have."""

    topic: str
    payload: bytes
    retain: bool
    dup: bool
    mid: int
    qos: int = 1
    properties: None = None


class BufferedSocket:
    """A socket in paho's hands that reads ahead, and keeps what it is to send until ``flush``."""

    def __init__(self, plain: Any) -> None:  # noqa: ANN401  paho's union of sockets
        self.plain = plain
        self._read = b""
        self._read_at = 0
        self._unsent = bytearray()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  whatever else a socket has
        return getattr(self.plain, name)

    def recv(self, size_bytes: int) -> bytes:
        """Return what was read ahead, else read.

        Raises:
            OSError: as a socket's ``recv``; BlockingIOError when there is nothing yet.
        """
        if self._read_at == len(self._read):
            self._read = self.plain.recv(max(size_bytes, _READ_AHEAD_BYTES))
            self._read_at = 0
        piece = self._read[self._read_at : self._read_at + size_bytes]
        self._read_at += len(piece)
        return piece

    def pending(self) -> int:
        """Return how many bytes need no waiting for."""
        inner = self.plain.pending() if isinstance(self.plain, ssl.SSLSocket) else 0
        return len(self._read) - self._read_at + inner

    def send(self, data: bytes) -> int:
        """Take everything; what was taken goes out with ``flush``, at the latest at ``close``.

        Raises:
            OSError: as a socket's ``send``; BlockingIOError when the line takes no more.
        """
        if len(self._unsent) >= _WRITE_AT_BYTES:
            self.flush()
        self._unsent += data
        return len(data)

    def flush(self) -> None:
        """Send what is there.

        Raises:
            OSError: as a socket's ``send``; BlockingIOError when the line takes no more.
        """
        while self._unsent:
            sent = self.plain.send(self._unsent)
            del self._unsent[:sent]

    @property
    def has_unsent(self) -> bool:
        """Whether ``flush`` has something to do."""
        return bool(self._unsent)

    def close(self) -> None:
        """Send what the line takes now, then close."""
        with contextlib.suppress(OSError):
            self.flush()
        self.plain.close()


class _Bell:
    """Wakes the network thread: rings once, until it has looked.

    Who rings lets go of the interpreter's lock, so the loop rings when it has queued all that it
    has to say in this turn, by ``later``; every other thread at once.
    """

    def __init__(self, plain: Any, later: Later | None) -> None:  # noqa: ANN401  paho's sockets
        self.plain = plain
        self.is_rung = False
        self._later = later
        self._owner = threading.get_ident()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  whatever else a socket has
        return getattr(self.plain, name)

    def send(self, data: bytes) -> int:
        if self.is_rung:
            return len(data)
        self.is_rung = True
        if self._later is not None and threading.get_ident() == self._owner:
            self._later(self._ring, data)
        else:
            self._ring(data)
        return len(data)

    def _ring(self, data: bytes) -> None:
        with contextlib.suppress(OSError):  # full: it has not looked since; closed: it has ended
            self.plain.send(data)


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

    def __init__(self, *given: Any, **named: Any) -> None:  # noqa: ANN401  paho's arguments
        self._write_by_s: deque[float] = deque()
        super().__init__(*given, **named)

    def loop_start(self) -> MQTTErrorCode:
        """Start the network thread."""
        started = super().loop_start()
        self._sockpairW: Any = _Bell(self._sockpairW, self.later)
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
        plain = None if self._line is None else self._line.plain
        if isinstance(plain, socket.socket):
            # The plain method: SSLSocket's would pull the TLS state from under the thread.
            with contextlib.suppress(OSError):
                socket.socket.shutdown(plain, socket.SHUT_RDWR)

    def loop_read(self, max_packets: int = 1) -> MQTTErrorCode:
        """Network thread: take every packet that was read ahead."""
        taken = super().loop_read(max_packets)
        while not taken and isinstance(self._sock, BufferedSocket) and self._sock.pending():
            taken = super().loop_read(max_packets)
        return taken

    def write_by(self, until_s: float) -> None:
        """Have what is published next written by a moment of ``monotonic_s``, or the line cut.

        A process may be stopped between any two steps; awake again, it would speak after its heir.
        """
        self._write_by_s.append(until_s)

    def loop_write(self) -> MQTTErrorCode:
        """Network thread: write every packet that waits, in one piece."""
        if isinstance(self._sockpairW, _Bell):
            self._sockpairW.is_rung = False  # before the look: what comes after rings again
        waiting = len(self._write_by_s)
        if waiting and self._write_by_s[0] <= monotonic_s():
            self.cut()
            return MQTTErrorCode.MQTT_ERR_SUCCESS  # it is read as the end of the line
        written = super().loop_write()
        if isinstance(self._sock, BufferedSocket):
            # A line that is broken says so when it is read.
            with contextlib.suppress(OSError):
                self._sock.flush()
            for _ in range(0 if self._sock.has_unsent else waiting):
                self._write_by_s.popleft()
        return written

    def want_write(self) -> bool:
        """Whether something waits for the line to take it."""
        unsent = isinstance(self._sock, BufferedSocket) and self._sock.has_unsent
        return unsent or super().want_write()

    def publish_at_qos_1(
        self, topic: str, payload: bytes, properties: bytes, *, retain: bool
    ) -> int:
        """Send one PUBLISH and return its packet id; ``on_puback`` tells of its answer.

        ``properties`` are packed with their length; empty over MQTT 3.1.1.
        """
        mid = self._mid_generate()
        name = topic.encode()
        body = b"".join(
            (struct.pack("!H", len(name)), name, struct.pack("!H", mid), properties, payload)
        )
        packet = bytearray((_PUBLISH_AT_QOS_1 | (_RETAIN if retain else 0),))
        self._packet_queue(
            MessageType.PUBLISH, self._pack_remaining_length(packet, len(body)) + body, mid, 1
        )
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
        if command & ~(_DUP | _RETAIN) == _PUBLISH_AT_QOS_1:
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
        try:
            (topic_bytes,) = struct.unpack_from("!H", body)
            topic = body[2 : 2 + topic_bytes].decode()
            place = 2 + topic_bytes
            (mid,) = struct.unpack_from("!H", body, place)
            place += 2
            if self._protocol == paho.MQTTv5:
                if body[place] != 0:  # the length of the properties
                    return None
                place += 1
        except (struct.error, IndexError, UnicodeDecodeError):
            return None
        if not topic:
            return None
        retain, dup = bool(command & _RETAIN), bool(command & _DUP)
        return PlainMessage(topic, bytes(body[place:]), retain, dup, mid)
