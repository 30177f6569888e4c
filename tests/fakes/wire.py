"""A broker that does what a test tells it, byte by byte: for answers that no real broker gives."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from planner_node.broker.listening import listening
from tests.fakes.encoding import text_bytes

CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK, PINGREQ = 1, 2, 3, 4, 8, 9, 12
DISCONNECT = 14
TAKEN_OVER = b"\xe0\x02\x8e\x00"
ACCEPTED_V5 = b"\x20\x03\x00\x00\x00"


def accepted_v5(properties: bytes) -> bytes:
    """Return a CONNACK of MQTT 5 with properties."""
    return bytes([0x20, 3 + len(properties), 0, 0, len(properties)]) + properties


def refused_v5(code: int) -> bytes:
    """Return a CONNACK of MQTT 5 that says no."""
    return bytes([0x20, 3, 0, code, 0])


def refused_v3(code: int) -> bytes:
    """Return a CONNACK of MQTT 3.1.1 that says no."""
    return bytes([0x20, 2, 0, code])


def receive_maximum(number: int) -> bytes:
    """Return the CONNACK property."""
    return b"\x21" + struct.pack("!H", number)


def maximum_packet_bytes(number: int) -> bytes:
    """Return the CONNACK property."""
    return b"\x27" + struct.pack("!I", number)


@dataclass
class Script:
    """What the broker answers; None is silence."""

    connack: bytes | None = ACCEPTED_V5
    suback_code: int | None = 1
    puback_code: int | None = 0
    hangs_up: bool = False  # closes at the CONNECT
    closes_on_publish: bool = False
    levels: list[int] = field(default_factory=list)  # the level of each CONNECT
    connects: int = 0
    published: list[bytes] = field(default_factory=list)  # the packets, without fixed header
    acknowledged: list[int] = field(default_factory=list)  # packet ids of the client's PUBACKs
    packets: list[int] = field(default_factory=list)
    port: int = 0
    _writers: list[asyncio.StreamWriter] = field(default_factory=list)

    def push(self, data: bytes) -> None:
        """Send raw bytes to the youngest connection."""
        self._writers[-1].write(data)

    def publish(self, topic: str, payload: bytes, mid: int, *, dup: bool = False) -> None:
        """Send a PUBLISH of QoS 1 to the youngest connection."""
        body = text_bytes(topic) + struct.pack("!H", mid) + b"\x00" + payload
        self.push(bytes([0x32 | (dup << 3), len(body)]) + body)

    def cut(self) -> None:
        """Close the youngest connection without a word."""
        self._writers[-1].close()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                kind, flags, body = await _packet(reader)
                self.packets.append(kind)
                if not self._answer(kind, flags, body, writer):
                    break

    def _answer(self, kind: int, flags: int, body: bytes, writer: asyncio.StreamWriter) -> bool:
        if kind == CONNECT:
            self.connects += 1
            self.levels.append(body[6])
            if self.connack is not None:
                writer.write(self.connack)
            return not self.hangs_up
        if kind == SUBSCRIBE and self.suback_code is not None:
            writer.write(bytes([0x90, 4]) + body[:2] + bytes([0, self.suback_code]))
        elif kind == PUBLISH:
            self.published.append(body)
            return self._take(flags, body, writer)
        elif kind == PUBACK:
            self.acknowledged.append(struct.unpack("!H", body[:2])[0])
        elif kind == PINGREQ:
            writer.write(b"\xd0\x00")
        return kind != DISCONNECT

    def _take(self, flags: int, body: bytes, writer: asyncio.StreamWriter) -> bool:
        if self.closes_on_publish:
            return False
        if flags & 0x06 and self.puback_code is not None:
            (length,) = struct.unpack("!H", body[:2])
            mid = body[2 + length : 4 + length]
            writer.write(bytes([0x40, 4]) + mid + bytes([self.puback_code, 0]))
        return True


@asynccontextmanager
async def scripted(script: Script) -> AsyncIterator[Script]:
    """Run the broker for the length of the block."""
    async with listening(script.serve, "127.0.0.1", 0) as script.port:
        yield script


async def _packet(reader: asyncio.StreamReader) -> tuple[int, int, bytes]:
    first = (await reader.readexactly(1))[0]
    length, shift = 0, 0
    while True:
        byte = (await reader.readexactly(1))[0]
        length |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            break
    return first >> 4, first & 0x0F, await reader.readexactly(length)
