"""A fleet of robots on one connection, lean enough not to be what is measured.

Speaks as much MQTT 3.1.1 as it needs, straight on the loop, without a thread. It keeps the moments
at which a task was sent, queued and ended.
"""

import asyncio
import json
import re
import struct
import time
from collections import deque
from collections.abc import Sequence
from functools import partial
from typing import Final, Self, cast

from tests.fakes.encoding import length_bytes, text_bytes

ROOT: Final = "planner/v1"
ENDS: Final = frozenset(
    {b"PLANNED", b"COMPLETED", b"REJECTED", b"DECLINED", b"FAILED", b"CANCELED", b"EXPIRED"}
)
EVERYBODYS: Final = ("robots/+/status", "robots/+/subtasks")
_CLEAN_SESSION: Final = 0x02
_TASK_ID: Final = re.compile(rb'"task_id":"([^"]+)"')
_STATUS: Final = re.compile(rb'"status":"([A-Z_]+)"')
_MAX_PACKET_ID: Final = 65_535


class Robots(asyncio.Protocol):
    """Sends tasks and remembers when each was sent, taken by the broker, queued and ended."""

    def __init__(
        self,
        name: str = "robots",
        hears: Sequence[str] = EVERYBODYS,
        *,
        keeps_session: bool = False,
    ) -> None:
        """Be a client of this name; the broker keeps for it what it misses if ``keeps_session``."""
        self._name = name
        self._hears = [f"{ROOT}/{one}" for one in hears]
        self._connect_flags = 0 if keeps_session else _CLEAN_SESSION
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
    async def connected(
        cls,
        port: int,
        name: str = "robots",
        hears: Sequence[str] = EVERYBODYS,
        *,
        keeps_session: bool = False,
    ) -> Self:
        """Connect to the broker on this machine and hear what is published below ``hears``."""
        loop = asyncio.get_running_loop()
        make = partial(cls, name, hears, keeps_session=keeps_session)
        _, robots = await loop.create_connection(make, "127.0.0.1", port)
        async with asyncio.timeout(10):
            await robots.is_subscribed
        return robots

    def send(self, robot: str, task_id: str, instruction: str = "") -> None:
        """Send a task, of another instruction each if none is given."""
        said = json.dumps(instruction or f"bring book {task_id}", ensure_ascii=False)
        self.sent_s[task_id] = time.monotonic()
        self.publish(f"robots/{robot}/task", f'{{"task_id":"{task_id}","instruction":{said}}}')

    def publish(self, topic: str, payload: str) -> None:
        """Publish below the root at QoS 1."""
        self._packet_id = self._packet_id % _MAX_PACKET_ID + 1
        packet_id = struct.pack("!H", self._packet_id)
        self._transport.write(
            _packet(0x32, text_bytes(f"{ROOT}/{topic}") + packet_id + payload.encode())
        )

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
        options = bytes([4, self._connect_flags, 0, 0])  # MQTT 3.1.1, no keep-alive
        self._transport.write(_packet(0x10, text_bytes("MQTT") + options + text_bytes(self._name)))

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
                return self._acknowledged(b"\x40\x02" + body[place : place + 2])
            case 0x40:
                self.taken_by_broker += 1
            case 0x20:
                filters = b"".join(text_bytes(one) + b"\x01" for one in self._hears)
                return _packet(0x82, b"\x00\x01" + filters)
            case 0x90:
                self.is_subscribed.set_result(None)
        return b""

    def _acknowledged(self, puback: bytes) -> bytes:
        """Return the PUBACK that is to be sent now."""
        return puback

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


class Listener(Robots):
    """Keeps all that it hears, and when."""

    def __init__(self, name: str, hears: Sequence[str], *, keeps_session: bool = False) -> None:
        super().__init__(name, hears, keeps_session=keeps_session)
        self.heard: list[tuple[float, bytes]] = []

    async def until_silence(self, of_s: float) -> None:
        """Wait until nothing was heard for so long."""
        before = -1
        while before != len(self.heard):
            before = len(self.heard)
            await asyncio.sleep(of_s)

    def _heard(self, payload: bytes, now_s: float) -> None:
        self.heard.append((now_s, payload))


class SlowListener(Listener):
    """Acknowledges one message each ``every_s`` once ``acknowledge`` runs, none before."""

    def __init__(self, name: str, hears: Sequence[str], *, keeps_session: bool = False) -> None:
        super().__init__(name, hears, keeps_session=keeps_session)
        self.acknowledged = 0
        self._owed: deque[bytes] = deque()

    async def acknowledge(self, every_s: float) -> None:
        """Acknowledge slowly until cancelled."""
        while True:
            await asyncio.sleep(every_s)
            if self._owed:
                self._transport.write(self._owed.popleft())
                self.acknowledged += 1

    def _acknowledged(self, puback: bytes) -> bytes:
        self._owed.append(puback)
        return b""


def _packet(kind: int, body: bytes) -> bytes:
    return bytes([kind]) + length_bytes(len(body)) + body
