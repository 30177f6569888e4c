"""What replaces parts of paho: the frequent packets, and when they are read and written."""

import math
import socket
import threading

import pytest
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from planner_node.mqtt import sockets
from planner_node.mqtt.lean_paho import LeanPaho, PlainMessage
from planner_node.mqtt.packets import MessageProperties, Outcome, Publication
from planner_node.mqtt.paho_types import publish_outcome, publish_properties
from planner_node.mqtt.sockets import BufferedSocket
from tests.fakes.guest import Client
from tests.mqtt.conftest import Make


class Heard:
    """A client without a network: packets go in by hand, what it would send is looked at."""

    def __init__(self, *, is_v5: bool) -> None:
        version = paho.MQTTv5 if is_v5 else paho.MQTTv311
        self.client = LeanPaho(CallbackAPIVersion.VERSION2, "c", protocol=version, manual_ack=True)
        self.messages: list[PlainMessage] = []
        self.by_paho: list[paho.MQTTMessage] = []
        self.pubacks: list[tuple[int, int]] = []
        self.client.on_plain_message = self.messages.append
        self.client.on_message = lambda _client, _userdata, message: self.by_paho.append(message)
        self.client._thread = threading.current_thread()  # so that packets wait to be written
        self.client.on_puback = lambda mid, reason: self.pubacks.append((mid, reason))

    def take(self, packet: bytes) -> None:
        self.client._in_packet |= {"command": packet[0], "packet": bytearray(packet[2:])}
        self.client._packet_handle()

    @property
    def sent(self) -> bytes:
        return b"".join(bytes(packet["packet"]) for packet in self.client._out_packet)


def publish_of(body: bytes, flags: int = 0x02) -> bytes:
    return bytes((0x30 | flags, len(body))) + body


@pytest.mark.parametrize("is_v5", [True, False])
@pytest.mark.parametrize("payload", ["", "將書本放在側桌上", "x" * 20_000])
@pytest.mark.parametrize("qos", [0, 1])
def test_publish_is_the_same_bytes_as_paho_makes(payload: str, qos: int, *, is_v5: bool) -> None:
    ours, theirs = Heard(is_v5=is_v5), Heard(is_v5=is_v5)
    properties = MessageProperties(content_type="application/json", correlation_data=b"7")
    publication = Publication(
        "a/書", payload.encode(), retain=True, expiry_s=60, properties=properties
    )
    packed = publish_properties(publication) if is_v5 else None
    left, right = socket.socketpair()
    with left, right:
        theirs.client._sock = left
        theirs.client.publish(
            publication.topic, publication.payload, qos=qos, retain=True, properties=packed
        )
        theirs.client._sock = None
    pieces = b"" if packed is None else packed.pack()
    ours.client.send_publish(
        publication.topic, publication.payload, pieces, qos=qos, retain=True, until_s=math.inf
    )
    assert ours.sent == theirs.sent


def test_moment_is_kept_whenever_the_network_thread_writes(
    pair: tuple[BufferedSocket, socket.socket], options: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process may be stopped between any two steps; awake again, it speaks after its heir."""
    client, theirs = Heard(is_v5=False).client, pair[1]
    client._sock = client._line = pair[0]
    network = Client(options(0), is_v5=False).connection._network
    network._paho = client

    def write_meanwhile() -> int:
        client.loop_write()
        return 7

    monkeypatch.setattr(client, "_mid_generate", write_meanwhile)
    monkeypatch.setattr(sockets, "monotonic_s", lambda: 9.0)
    network.publish(Publication("a", b"1"), until_s=10.0)
    monkeypatch.setattr(sockets, "monotonic_s", lambda: 11.0)
    client.loop_write()
    client._sock = None
    assert theirs.recv(100) == b""  # cut, and nothing before


def test_flood_leaves_time_to_write(pair: tuple[BufferedSocket, socket.socket]) -> None:
    heard, (ours, theirs) = Heard(is_v5=False), pair
    heard.client._sock = ours
    theirs.sendall(publish_of(b"\x00\x01ago", 0x00) * 1_000)
    heard.client.loop_read()
    assert 0 < len(heard.messages) < 200
    while ours.pending():
        heard.client.loop_read()
    heard.client._sock = None
    assert len(heard.messages) == 1_000


@pytest.mark.parametrize("is_v5", [True, False])
def test_plain_message_is_read(*, is_v5: bool) -> None:
    heard = Heard(is_v5=is_v5)
    no_properties = b"\x00" if is_v5 else b""
    heard.take(publish_of(b"\x00\x03a/b\x00\x07" + no_properties + b"payload", 0x02 | 0x08 | 0x01))
    heard.take(publish_of(b"\x00\x03a/b" + no_properties + b"at QoS 0", 0x00))
    assert heard.messages == [
        PlainMessage("a/b", b"payload", retain=True, dup=True, mid=7),
        PlainMessage("a/b", b"at QoS 0", retain=False, dup=False, mid=0, qos=0),
    ]
    assert heard.by_paho == []


@pytest.mark.parametrize(
    ("body", "flags"),
    [
        (b"\x00\x01a\x00\x07\x02\x01\x01payload", 0x02),  # has properties
        (b"\x00\x01a\x02\x01\x01payload", 0x00),  # at QoS 0 too
        (b"\x00\x02\xff\xfe\x00\x07\x00payload", 0x02),  # a topic that is not UTF-8
    ],
)
def test_anything_else_is_left_to_paho(body: bytes, flags: int) -> None:
    heard = Heard(is_v5=True)
    heard.take(publish_of(body, flags))
    assert heard.messages == []
    assert [bytes(message.payload) for message in heard.by_paho] == [b"payload"]


@pytest.mark.parametrize("is_v5", [True, False])
@pytest.mark.parametrize(
    ("body", "flags"),
    [(b"", 2), (b"\x00", 2), (b"\x00\x09a", 2), (b"\x00\x01a\x00", 2), (b"\x00\x09a", 0)],
)
def test_cut_off_publish_is_malformed(body: bytes, flags: int, *, is_v5: bool) -> None:
    heard = Heard(is_v5=is_v5)
    with pytest.raises(paho.MalformedPacket):
        heard.take(publish_of(body, flags))
    assert heard.messages == []


@pytest.mark.parametrize(
    ("packet", "expected"),
    [
        (b"\x40\x02\x01\x02", 0),
        (b"\x40\x03\x01\x02\x10", 0x10),
        (b"\x40\x04\x01\x02\x97\x00", 0x97),
    ],
)
def test_puback_tells_its_reason(packet: bytes, expected: int) -> None:
    heard = Heard(is_v5=True)
    heard.take(packet)
    assert heard.pubacks == [(0x0102, expected)]


@pytest.mark.parametrize(
    ("reason", "outcome", "said"),
    [
        (0x00, Outcome.ACCEPTED, ""),
        (0x10, Outcome.ACCEPTED, ""),
        (0x97, Outcome.REFUSED, "Quota exceeded"),
        (0xFE, Outcome.REFUSED, "refused"),
    ],
)
def test_reason_says_what_became_of_it(reason: int, outcome: Outcome, said: str) -> None:
    answer = publish_outcome(reason)
    assert (answer.outcome, answer.reason_code, answer.reason) == (outcome, reason, said)
