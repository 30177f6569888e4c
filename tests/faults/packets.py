"""MQTT 5 packets as they lie on the line, for faults that only a broker could make."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

CONNACK: Final = 2
PUBLISH: Final = 3
PUBACK: Final = 4
SUBACK: Final = 9
NOT_AUTHORIZED: Final = 0x87
SERVER_BUSY: Final = 0x89
BANNED: Final = 0x8A
_MORE: Final = 0x80


@dataclass(frozen=True, slots=True)
class Packet:
    """One control packet; ``raw`` is all of it."""

    raw: bytes
    body: bytes

    @property
    def kind(self) -> int:
        return self.raw[0] >> 4

    @property
    def topic(self) -> str:
        """Of a PUBLISH."""
        return self.body[2 : 2 + self._topic_bytes].decode()

    @property
    def mid(self) -> int:
        """Of a PUBLISH with QoS 1, a PUBACK or a SUBACK."""
        place = 2 + self._topic_bytes if self.kind == PUBLISH else 0
        return int.from_bytes(self.body[place : place + 2])

    @property
    def _topic_bytes(self) -> int:
        return int.from_bytes(self.body[:2])


class Framer:
    """Bytes in, whole packets out."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[Packet]:
        self._rest += data
        while (packet := self._next()) is not None:
            yield packet

    def _next(self) -> Packet | None:
        length, place = 0, 1
        while place < len(self._rest):
            byte = self._rest[place]
            length |= (byte & ~_MORE) << 7 * (place - 1)
            place += 1
            if not byte & _MORE:
                break
        else:
            return None
        if len(self._rest) < place + length:
            return None
        raw, self._rest = self._rest[: place + length], self._rest[place + length :]
        return Packet(raw, raw[place:])


@dataclass
class Meddler:
    """Changes what the broker answers to the node; all fields may change at any time."""

    puback_code: Callable[[str], int] = lambda _topic: 0  # by the topic of the publication
    connack_code: int | None = None
    suback_code: int | None = None
    doubles_every: int | None = None  # of the PUBACKs
    doubled: int = 0
    _topics: dict[int, str] = field(default_factory=dict)
    _pubacks: int = 0

    def to_broker(self, packet: Packet) -> bytes:
        if packet.kind == PUBLISH and packet.raw[0] & 0x06:
            self._topics[packet.mid] = packet.topic
        return packet.raw

    def to_node(self, packet: Packet) -> bytes:
        if packet.kind == CONNACK and self.connack_code is not None:
            return bytes([packet.raw[0], 3, 0, self.connack_code, 0])
        if packet.kind == SUBACK and self.suback_code is not None:
            codes = len(packet.body) - 3  # after the packet id and no properties
            return packet.raw[: -codes or None] + bytes([self.suback_code]) * codes
        if packet.kind == PUBACK:
            return self._puback(packet)
        return packet.raw

    def _puback(self, packet: Packet) -> bytes:
        code = self.puback_code(self._topics.get(packet.mid, ""))
        raw = b"\x40\x03" + packet.body[:2] + bytes([code]) if code else packet.raw
        self._pubacks += 1
        if self.doubles_every is not None and self._pubacks % self.doubles_every == 0:
            self.doubled += 1
            return raw * 2
        return raw
