"""How many publications of a node are in flight, counted on the wire."""

import time
from dataclasses import dataclass, field
from typing import Final

from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from tests.faults.packets import PUBACK, PUBLISH, Meddler, Packet

_CONNECT: Final = 1
_CONNACK: Final = 2
_UNLIMITED: Final = 65_535  # MQTT 5, 3.2.2.3.3: what no Receive Maximum means
_FLAGS_AND_REASON_BYTES: Final = 2


@dataclass
class InFlight(Meddler):
    """Changes nothing. Counts from PUBLISH to PUBACK, QoS 1, anew with each connection.

    Never less than the broker has open: it gets a PUBLISH later, and sends a PUBACK earlier.
    """

    receive_maximum: int = _UNLIMITED  # the broker's
    accepted_s: float = 0.0  # monotonic, of the newest CONNACK
    at_most: int = 0
    publications: int = 0
    _open: set[int] = field(default_factory=set)

    def to_broker(self, packet: Packet) -> bytes:
        if packet.kind == _CONNECT:
            self._open.clear()
            self.at_most = self.publications = 0
        elif packet.kind == PUBLISH and packet.raw[0] & 0x06:
            self.publications += 1
            self._open.add(packet.mid)
            self.at_most = max(self.at_most, len(self._open))
        return packet.raw

    def to_node(self, packet: Packet) -> bytes:
        if packet.kind == PUBACK:
            self._open.discard(packet.mid)
        elif packet.kind == _CONNACK:
            self.receive_maximum = _receive_maximum(packet.body)
            self.accepted_s = time.monotonic()
        return packet.raw


def _receive_maximum(connack: bytes) -> int:
    if len(connack) <= _FLAGS_AND_REASON_BYTES:
        return _UNLIMITED  # MQTT 3.1.1
    properties = Properties(PacketTypes.CONNACK)
    properties.unpack(connack[_FLAGS_AND_REASON_BYTES:])
    return int(getattr(properties, "ReceiveMaximum", _UNLIMITED))
