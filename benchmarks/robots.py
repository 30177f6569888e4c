"""A fleet of robots on one connection, lean enough not to be what is measured.

Speaks as much MQTT 3.1.1 as it needs, straight on the loop, without a thread. It keeps the moments
at which a task was sent, queued and ended.
"""

import asyncio
import re
import struct
import time
from typing import Final, Self, cast

ROOT: Final = "planner/v1"
ENDS: Final = frozenset(
    {b"PLANNED", b"COMPLETED", b"REJECTED", b"DECLINED", b"FAILED", b"CANCELED", b"EXPIRED"}
)
_TASK_ID: Final = re.compile(rb'"task_id":"([^"]+)"')
_STATUS: Final = re.compile(rb'"status":"([A-Z_]+)"')
_MAX_PACKET_ID: Final = 65_535


class Robots(asyncio.Protocol):
    """Sends tasks and remembers when each was sent, taken by the broker, queued and ended."""

    def __init__(self) -> None:
        self.sent_s: dict[str, float] = {}
        self.queued_s: dict[str, float] = {}
        self.ended_s: dict[str, float] = {}
        self.ends: dict[str, str] = {}
        self.taken_by_broker = 0
        self.waiting: dict[str, asyncio.Future[None]] = {}
        self._unread = bytearray()
        self._packet_id = 0
        self.is_subscribed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @classmethod
    async def connected(cls, port: int) -> Self:
        """Connect to the broker on this machine and hear every robot's status and plans."""
        loop = asyncio.get_running_loop()
        _, robots = await loop.create_connection(cls, "127.0.0.1", port)
        async with asyncio.timeout(10):
            await robots.is_subscribed
        return robots

    def send(self, robot: str, task_id: str) -> None:
        """Publish a task at QoS 1."""
        payload = f'{{"task_id":"{task_id}","instruction":"bring book {task_id}"}}'.encode()
        self._packet_id = self._packet_id % _MAX_PACKET_ID + 1
        body = _text(f"{ROOT}/robots/{robot}/task") + struct.pack("!H", self._packet_id) + payload
        self.sent_s[task_id] = time.monotonic()
        self._transport.write(_packet(0x32, body))

    async def end_of(self, task_id: str) -> None:
        """Wait until the task has ended."""
        if task_id not in self.ended_s:
            self.waiting[task_id] = asyncio.get_running_loop().create_future()
            await self.waiting[task_id]
            del self.waiting[task_id]

    def close(self) -> None:
        self._transport.write(b"\xe0\x00")
        self._transport.close()

    # -- asyncio.Protocol --------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(_packet(0x10, _text("MQTT") + b"\x04\x02\x00\x00" + _text("robots")))

    def data_received(self, data: bytes) -> None:
        now_s = time.monotonic()
        self._unread += data
        replies = bytearray()
        while (packet := self._next_packet()) is not None:
            replies += self._took(*packet, now_s)
        if replies:
            self._transport.write(bytes(replies))

    def _next_packet(self) -> tuple[int, bytes] | None:
        length, shift, place = 0, 0, 1
        while place < len(self._unread):
            byte = self._unread[place]
            length, shift, place = length | (byte & 0x7F) << shift, shift + 7, place + 1
            if byte < 0x80:
                break
        else:
            return None
        if len(self._unread) < place + length:
            return None
        packet = (self._unread[0], bytes(self._unread[place : place + length]))
        del self._unread[: place + length]
        return packet

    def _took(self, kind: int, body: bytes, now_s: float) -> bytes:
        """Take one packet; return what is to be answered."""
        match kind & 0xF0:
            case 0x30:
                place = 2 + struct.unpack_from("!H", body)[0]
                self._heard(body[place + 2 :], now_s)
                return b"\x40\x02" + body[place : place + 2]
            case 0x40:
                self.taken_by_broker += 1
            case 0x20:
                wanted = (f"{ROOT}/robots/+/status", f"{ROOT}/robots/+/subtasks")
                filters = b"".join(_text(one) + b"\x01" for one in wanted)
                return _packet(0x82, b"\x00\x01" + filters)
            case 0x90:
                self.is_subscribed.set_result(None)
        return b""

    def _heard(self, payload: bytes, now_s: float) -> None:
        task, status = _TASK_ID.search(payload), _STATUS.search(payload)
        if task is None or status is None:
            return
        task_id = task[1].decode()
        if status[1] == b"QUEUED":
            self.queued_s.setdefault(task_id, now_s)
        elif status[1] in ENDS:
            self.ended_s.setdefault(task_id, now_s)
            self.ends[task_id] = status[1].decode()
            if task_id in self.waiting:
                self.waiting[task_id].set_result(None)


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack("!H", len(data)) + data


def _packet(kind: int, body: bytes) -> bytes:
    length, digits = len(body), bytearray()
    while True:
        length, digit = divmod(length, 128)
        digits.append(digit | (0x80 if length else 0))
        if not length:
            return bytes([kind]) + bytes(digits) + body
