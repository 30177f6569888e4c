"""What stands where paho looks for its two sockets: the line to the broker, and the thread's bell.

How it works. The line reads ahead, and writes in one piece what gathers until ``flush``. A packet
may bring the moment by which it must be written; once the earliest of them has passed, the line is
cut: what would be said too late is not said, whoever wants to flush.
"""

import contextlib
import math
import select
import socket
import ssl
import threading
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from planner_node.clock import monotonic_s

_READ_AHEAD_BYTES: Final = 65_536
_WRITE_AT_BYTES: Final = 65_536
Later = Callable[[Callable[[bytes], None], bytes], object]


class _Dated(bytes):
    """Bytes that must be written by ``until_s``, a moment of ``monotonic_s``, or never."""

    until_s = math.inf

    def __getitem__(self, _: object) -> "_Dated":  # type: ignore[override]  # not the bytes' own
        # paho asks for what is left of it: all of it, since the line takes it whole or not yet.
        return self


def dated(packet: bytes | bytearray, until_s: float) -> bytes | bytearray:
    """Return a packet that the line writes by a moment of ``monotonic_s``, or never."""
    if until_s == math.inf:
        return packet
    found = _Dated(packet)
    found.until_s = until_s
    return found


class BufferedSocket:
    """A socket in paho's hands that reads ahead, and keeps what it is to send until ``flush``."""

    def __init__(self, plain: Any) -> None:  # noqa: ANN401  paho's union of sockets
        self.plain = plain
        self._read = b""
        self._read_at = 0
        self._unsent = bytearray()
        self._write_by_s = math.inf  # the earliest moment since nothing was unsent

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

    def send(self, data: bytes | bytearray) -> int:
        """Take everything; what was taken goes out with ``flush``, at the latest at ``close``.

        Or never, where it is ``dated`` and its moment is there first.

        Raises:
            OSError: as ``flush``; then nothing was taken.
        """
        if len(self._unsent) >= _WRITE_AT_BYTES:
            self.flush()
        self._unsent += data
        if isinstance(data, _Dated):
            self._write_by_s = min(self._write_by_s, data.until_s)
        return len(data)

    def flush(self) -> None:
        """Send what is there.

        Raises:
            OSError: as a socket's ``send``; BlockingIOError when the line takes no more,
                TimeoutError when it is too late, and the line is cut.
        """
        while self._unsent:
            if self._write_by_s <= monotonic_s():
                self.cut()
                raise TimeoutError("too late to be written")
            sent = self.plain.send(self._unsent)
            del self._unsent[:sent]
        self._write_by_s = math.inf

    @property
    def has_unsent(self) -> bool:
        """Whether ``flush`` has something to do."""
        return bool(self._unsent)

    def close(self) -> None:
        """Send what the line takes now, then close."""
        with contextlib.suppress(OSError):
            self.flush()
        self.plain.close()

    def cut(self) -> None:
        """End the line for both sides, from any thread: who reads finds its end."""
        if isinstance(self.plain, socket.socket):
            # The plain method: SSLSocket's would pull the TLS state from under the thread.
            with contextlib.suppress(OSError):
                socket.socket.shutdown(self.plain, socket.SHUT_RDWR)


class Bell:
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


class Ready(NamedTuple):
    """What need not be waited for."""

    can_read: bool
    can_write: bool
    is_rung: bool


def wait(line: BufferedSocket, bell: socket.socket, *, wants_write: bool, most_s: float) -> Ready:
    """Wait for the line or the bell's other end, by ``poll``, which takes every descriptor.

    Raises:
        OSError, ValueError: one of them is closed.
    """
    poll = select.poll()
    poll.register(line, select.POLLIN | (select.POLLOUT if wants_write else 0))
    poll.register(bell, select.POLLIN)
    has_bytes = line.pending() > 0
    found = dict(poll.poll(0 if has_bytes else most_s * 1_000))
    of_line = found.get(line.fileno(), 0)
    # An error and the end are read, whichever poll calls them.
    return Ready(
        can_read=has_bytes or bool(of_line & ~select.POLLOUT),
        can_write=bool(of_line & select.POLLOUT),
        is_rung=bell.fileno() in found,
    )
