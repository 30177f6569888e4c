"""A TCP proxy between a node and its broker that does to the line what networks do.

All faults are attributes and may change at any time; they hold for what comes next. Only ``mend``
also ends what a slow line still owes for what it has taken.
"""

import asyncio
import contextlib
import random
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Final, Self

from planner_node.broker.listening import close, port_of
from tests.faults.packets import Framer, Meddler

_READ_BYTES: Final = 65_536
_PUBACK: Final = 4  # the packet type, in the high half of the first byte


class Proxy:
    """``async with Proxy(broker_port) as proxy``: connect to ``proxy.port``.

    A ``meddler`` reads the packets and changes them.
    """

    def __init__(self, target_port: int, meddler: Meddler | None = None) -> None:
        self.port = 0
        self.connections = 0  # so far
        self.is_black_hole = False  # takes everything, passes nothing, closes nothing
        self.is_mute = False  # as a black hole, towards the node only
        self.delay_s = 0.0
        self.jitter_s = 0.0
        self.bytes_per_s: float | None = None
        self.piece_bytes: int | None = None  # writes are split into pieces of this size
        self.drop_puback_every: int | None = None  # of the broker's; and then cuts the line
        self.dropped_pubacks = 0
        self.cut_after_bytes: int | None = None  # from the node, counted for each connection
        self.meddler = meddler
        self._target_port = target_port
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._serving: set[asyncio.Task[None]] = set()
        self._pubacks = 0
        self._mended = asyncio.Event()

    async def __aenter__(self) -> Self:
        await self.listen()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._server is not None:
            await close(self._server)
        self.cut()

    async def listen(self) -> None:
        """Take connections: at any free port at first, at the same one after ``hang_up``."""
        self._server = await asyncio.start_server(self._admit, "127.0.0.1", self.port)
        self.port = port_of(self._server)

    def hang_up(self) -> None:
        """Reset all connections and refuse new ones, as where no broker runs."""
        if self._server is not None:
            self._server.close()
        self.cut()

    def mend(self) -> None:
        """Let a slow line be quick, from now on and for what is on its way."""
        self.delay_s, self.jitter_s, self.bytes_per_s = 0.0, 0.0, None
        self._mended.set()
        self._mended = asyncio.Event()

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    @property
    def is_idle(self) -> bool:
        """Whether nobody is connected; before the loop closes, or it complains."""
        return not self._writers

    def has_more_than(self, connections: int) -> bool:
        """Whether more connections have come so far."""
        return self.connections > connections

    def cut(self) -> None:
        """Reset all connections (RST); new ones are welcome."""
        for writer in list(self._writers):
            sock = writer.get_extra_info("socket")
            with contextlib.suppress(OSError):
                # A linger of nought seconds makes the close a reset.
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()

    def _admit(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)  # from its first moment: a cut may come before all else
        task = asyncio.create_task(self._serve(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with self._open(writer):
            with contextlib.suppress(OSError):
                far = await asyncio.open_connection("127.0.0.1", self._target_port)
                async with self._open(far[1]):
                    await asyncio.gather(
                        self._pipe(reader, far[1], to_node=False),
                        self._pipe(far[0], writer, to_node=True),
                    )

    @asynccontextmanager
    async def _open(self, writer: asyncio.StreamWriter) -> AsyncIterator[None]:
        self._writers.add(writer)
        try:
            yield
        finally:
            self._writers.discard(writer)
            writer.transport.abort()

    async def _pipe(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, to_node: bool
    ) -> None:
        """Pass on until the end, and pass on the end; the other direction may still have words."""
        framer, passed_bytes, has_lost = Framer(), 0, False
        with contextlib.suppress(OSError):
            while data := await reader.read(_READ_BYTES):
                if self._swallows(to_node=to_node):
                    has_lost = True
                    continue
                if has_lost:
                    self.cut()  # no TCP brings what comes after a gap
                    return
                changed = self._meddled(framer, data, to_node=to_node)
                passed_bytes += len(changed)
                if not to_node and (over_bytes := self._over(passed_bytes)) > 0:
                    await self._write(writer, changed[:-over_bytes])
                    self.cut()
                    return
                if changed and not await self._passed(writer, changed, to_node=to_node):
                    return
        with contextlib.suppress(OSError, RuntimeError):
            writer.write_eof()

    def _swallows(self, *, to_node: bool) -> bool:
        return self.is_black_hole or (self.is_mute and to_node)

    def _over(self, passed_bytes: int) -> int:
        """Return by how many bytes a connection has outlived its limit."""
        return 0 if self.cut_after_bytes is None else passed_bytes - self.cut_after_bytes

    def _meddled(self, framer: Framer, data: bytes, *, to_node: bool) -> bytes:
        if self.meddler is None:
            return data
        change = self.meddler.to_node if to_node else self.meddler.to_broker
        return b"".join(change(packet) for packet in framer.feed(data))

    async def _passed(self, writer: asyncio.StreamWriter, data: bytes, *, to_node: bool) -> bool:
        """Pass one piece on, or do to it what was asked; False when the line was cut."""
        if self.delay_s or self.jitter_s:
            await self._held_up(random.gauss(self.delay_s, self.jitter_s / 2))
        if to_node and self._is_doomed(data):
            self.cut()  # without a cut, TCP's promise would be broken, not MQTT's
            return False
        await self._write(writer, data)
        return True

    async def _write(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        size = self.piece_bytes or len(data)
        for place in range(0, len(data), size):
            piece = data[place : place + size]
            writer.write(piece)
            await writer.drain()
            if self.bytes_per_s is not None:
                await self._held_up(len(piece) / self.bytes_per_s)
            elif self.piece_bytes is not None:
                await asyncio.sleep(0)

    async def _held_up(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._mended.wait()

    def _is_doomed(self, data: bytes) -> bool:
        if self.drop_puback_every is None or data[0] >> 4 != _PUBACK:
            return False
        self._pubacks += 1
        is_next = self._pubacks % self.drop_puback_every == 0
        self.dropped_pubacks += is_next
        return is_next
