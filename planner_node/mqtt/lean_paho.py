"""paho's client with fewer system calls and fewer objects a packet.

How it works. Each ``recv``, ``send`` and wake-up lets go of the interpreter's lock, and a thread
that wants the lock back waits until the loop's thread gives it up. paho makes three calls for a
packet that comes in, one for a packet that goes out, and one to wake its thread for each publish;
at a thousand tasks a second the node did little else. Here the socket reads ahead and writes in
one piece, the thread is woken once for all that is published meanwhile, and the most frequent
packet of all, a PUBACK that says yes, makes no tables of properties that nobody reads.
"""

import contextlib
import socket
import ssl
from collections.abc import Callable
from typing import Any, Final

from paho.mqtt import client as paho
from paho.mqtt.enums import MessageType, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

_READ_AHEAD_BYTES: Final = 65_536
_WRITE_AT_BYTES: Final = 65_536
_PACKET_ID_BYTES: Final = 2
_WAIT: Final = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
_SUCCESS: Final = ReasonCode(PacketTypes.PUBACK)
_NO_PROPERTIES: Final[Properties] = Properties(PacketTypes.PUBACK)  # type: ignore[no-untyped-call]  # paho


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
    """Wakes the network thread: rings once, until it has looked."""

    def __init__(self, plain: Any) -> None:  # noqa: ANN401  paho's pair of sockets
        self.plain = plain
        self.is_rung = False

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  whatever else a socket has
        return getattr(self.plain, name)

    def send(self, data: bytes) -> int:
        if self.is_rung:
            return len(data)
        self.is_rung = True
        return int(self.plain.send(data))


class LeanPaho(paho.Client):
    """paho's client with a thread that connects, serves, and always says why it ended."""

    address: tuple[str, int, int]
    connect_arguments: dict[str, Any]
    on_end: Callable[[BaseException | None], None]

    def loop_start(self) -> MQTTErrorCode:
        """Start the network thread."""
        started = super().loop_start()
        self._sockpairW: Any = _Bell(self._sockpairW)
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
        """Cut the line, which wakes the thread and ends it; the last will is published."""
        sock = self.socket()
        plain = sock.plain if isinstance(sock, BufferedSocket) else sock
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

    def loop_write(self) -> MQTTErrorCode:
        """Network thread: write every packet that waits, in one piece."""
        if isinstance(self._sockpairW, _Bell):
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

    def _create_socket(self) -> Any:  # noqa: ANN401  paho's union of sockets
        return BufferedSocket(super()._create_socket())

    def _packet_handle(self) -> MQTTErrorCode:
        packet = self._in_packet
        is_bare = len(packet["packet"]) == _PACKET_ID_BYTES
        if packet["command"] != MessageType.PUBACK or not is_bare:
            return super()._packet_handle()
        # A PUBACK without a reason code says success (MQTT 5, 3.4.2.1).
        mid = int.from_bytes(packet["packet"], "big")
        with self._out_message_mutex:
            if mid in self._out_messages:
                return self._do_on_publish(mid, _SUCCESS, _NO_PROPERTIES)
        return MQTTErrorCode.MQTT_ERR_SUCCESS
