"""What replaces parts of paho: bytes ahead, bytes in one piece, and the three frequent packets."""

import socket
import threading
from collections.abc import Iterator

import pytest
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from planner_node.mqtt import lean_paho
from planner_node.mqtt.lean_paho import BufferedSocket, LeanPaho, PlainMessage
from planner_node.mqtt.packets import MessageProperties, Outcome, Publication
from planner_node.mqtt.paho_types import publish_outcome, publish_properties


@pytest.fixture
def pair() -> Iterator[tuple[BufferedSocket, socket.socket]]:
    ours, theirs = socket.socketpair()
    ours.settimeout(0)
    with ours, theirs:
        yield BufferedSocket(ours), theirs


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


def test_many_small_reads_are_one_of_the_line(pair: tuple[BufferedSocket, socket.socket]) -> None:
    ours, theirs = pair
    theirs.sendall(b"abcdef")
    assert ours.recv(1) == b"a"
    assert ours.pending() == 5
    theirs.sendall(b"g")
    assert (ours.recv(2), ours.recv(100), ours.recv(100)) == (b"bc", b"def", b"g")
    with pytest.raises(BlockingIOError):
        ours.recv(1)


def test_end_of_the_line_is_read_as_such(pair: tuple[BufferedSocket, socket.socket]) -> None:
    ours, theirs = pair
    theirs.sendall(b"x")
    theirs.shutdown(socket.SHUT_WR)
    assert (ours.recv(9), ours.recv(9), ours.recv(9)) == (b"x", b"", b"")


def test_nothing_is_written_before_flush(pair: tuple[BufferedSocket, socket.socket]) -> None:
    ours, theirs = pair
    theirs.settimeout(0)
    assert ours.send(b"ab") + ours.send(b"cd") == 4
    with pytest.raises(BlockingIOError):
        theirs.recv(9)
    ours.flush()
    assert (theirs.recv(9), ours.has_unsent) == (b"abcd", False)


def test_what_the_line_does_not_take_is_kept(pair: tuple[BufferedSocket, socket.socket]) -> None:
    ours, theirs = pair
    data = bytes(range(256)) * 16_384
    ours.send(data)
    with pytest.raises(BlockingIOError):
        ours.flush()
    heard = b""
    while len(heard) < len(data):
        heard += theirs.recv(1_000_000)
        try:
            ours.flush()
        except BlockingIOError:
            continue
    assert heard == data


def test_close_sends_what_is_left(pair: tuple[BufferedSocket, socket.socket]) -> None:
    ours, theirs = pair
    ours.send(b"goodbye")
    ours.close()
    assert theirs.recv(9) == b"goodbye"


@pytest.mark.parametrize("is_v5", [True, False])
@pytest.mark.parametrize("payload", ["", "將書本放在側桌上", "x" * 20_000])
def test_publish_is_the_same_bytes_as_paho_makes(payload: str, *, is_v5: bool) -> None:
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
            publication.topic, publication.payload, qos=1, retain=True, properties=packed
        )
        theirs.client._sock = None
    pieces = b"" if packed is None else packed.pack()
    ours.client.publish_at_qos_1(publication.topic, publication.payload, pieces, retain=True)
    assert ours.sent == theirs.sent


@pytest.mark.parametrize(("now_s", "heard_bytes"), [(9.0, 8), (10.0, 0)])
def test_publish_that_waited_too_long_is_never_written(
    now_s: float,
    heard_bytes: int,
    pair: tuple[BufferedSocket, socket.socket],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A process that was stopped in between would overwrite what its heir has said."""
    client, theirs = Heard(is_v5=False).client, pair[1]
    client._sock = client._line = pair[0]
    client.write_by(10.0)
    client.publish_at_qos_1("a", b"1", b"", retain=True)
    monkeypatch.setattr(lean_paho, "monotonic_s", lambda: now_s)
    client.loop_write()
    monkeypatch.setattr(lean_paho, "monotonic_s", lambda: 11.0)
    client.loop_write()  # what was written in time holds up nothing later
    client._sock = None
    assert client._is_cut == (heard_bytes == 0)
    pair[0].close()
    assert len(theirs.recv(100)) == heard_bytes


@pytest.mark.parametrize("is_v5", [True, False])
def test_plain_message_is_read(*, is_v5: bool) -> None:
    heard = Heard(is_v5=is_v5)
    no_properties = b"\x00" if is_v5 else b""
    heard.take(publish_of(b"\x00\x03a/b\x00\x07" + no_properties + b"payload", 0x02 | 0x08 | 0x01))
    assert heard.messages == [PlainMessage("a/b", b"payload", retain=True, dup=True, mid=7)]
    assert heard.by_paho == []


@pytest.mark.parametrize(
    ("body", "flags"),
    [
        (b"\x00\x01a\x00\x07\x02\x01\x01payload", 0x02),  # has properties
        (b"\x00\x01a\x00payload", 0x00),  # at QoS 0
        (b"\x00\x02\xff\xfe\x00\x07\x00payload", 0x02),  # a topic that is not UTF-8
    ],
)
def test_anything_else_is_left_to_paho(body: bytes, flags: int) -> None:
    heard = Heard(is_v5=True)
    heard.take(publish_of(body, flags))
    assert heard.messages == []
    assert [bytes(message.payload) for message in heard.by_paho] == [b"payload"]


@pytest.mark.parametrize("body", [b"", b"\x00", b"\x00\x09a", b"\x00\x01a\x00"])
def test_cut_off_publish_is_malformed(body: bytes) -> None:
    heard = Heard(is_v5=True)
    with pytest.raises(paho.MalformedPacket):
        heard.take(publish_of(body))
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
