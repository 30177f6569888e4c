"""What crosses the connection, free of paho's types."""

from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import Final

REASON_TAKEN_OVER: Final = 0x8E
NO_SUBSCRIBERS: Final = 0x10  # accepted, and nobody asked for it
FIRST_REFUSAL: Final = 0x80  # reason codes from here on say no
RETAIN_NOT_SUPPORTED: Final = 0x9A
QOS_NOT_SUPPORTED: Final = 0x9B
BAD_CREDENTIALS: Final = frozenset({0x86, 0x87})  # user and password, or what they may do


@dataclass(frozen=True, slots=True)
class MessageProperties:
    """The MQTT 5 properties that the contract honours; empty over MQTT 3.1.1."""

    response_topic: str | None = None
    correlation_data: bytes | None = None
    user_properties: tuple[tuple[str, str], ...] = ()
    content_type: str | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """One PUBLISH from the broker; ``epoch`` numbers the connection that it came on."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    epoch: int
    mid: int
    dup: bool = False
    expiry_s: int | None = None
    properties: MessageProperties = MessageProperties()
    fault: str | None = None  # why the rest of it could not be read


@dataclass(frozen=True, slots=True)
class Publication:
    """One PUBLISH to the broker."""

    topic: str
    payload: bytes
    qos: int = 1
    retain: bool = False
    expiry_s: int | None = None
    properties: MessageProperties = MessageProperties()

    @property
    def variable_bytes(self) -> int:
        """The length of everything but the topic and the fixed parts of the packet."""
        ours = self.properties
        pairs = sum(
            5 + len(key.encode()) + len(value.encode()) for key, value in ours.user_properties
        )
        texts = len((ours.content_type or "").encode()) + len((ours.response_topic or "").encode())
        return len(self.payload) + len(ours.correlation_data or b"") + pairs + texts


class Outcome(Enum):
    """How a publication ended."""

    ACCEPTED = "accepted"  # the broker has it
    REFUSED = "refused"  # the broker, or our own check, said no; sending it again is useless
    LOST = "lost"  # the connection ended first; send it again on the next one


@dataclass(frozen=True, slots=True)
class PublishOutcome:
    """What became of a publication, by the PUBACK's reason code and never by anything else."""

    outcome: Outcome
    reason_code: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Subscription:
    """One filter; ``newly_only`` asks for retained messages only with a new subscription."""

    topic_filter: str
    newly_only: bool = True
    no_local: bool = False


@dataclass(frozen=True, slots=True)
class Granted:
    """What the broker offers, as it said in CONNACK."""

    mqtt_version: str = "3.1.1"
    session_present: bool = False
    receive_maximum: int = 65_535
    maximum_packet_bytes: int | None = None
    maximum_qos: int = 2
    retain_available: bool = True
    shared_subscriptions: bool = False

    @property
    def shortfall(self) -> str:
        """What this broker does less than the node asks for; empty if nothing."""
        found = []
        if not self.retain_available:
            found.append("retains nothing, so late joiners hear of no task and of no node")
        if self.maximum_qos == 0:
            found.append("offers QoS 0 only, so what the line loses stays lost")
        return f"the broker {' and '.join(found)}" if found else ""


class EndKind(StrEnum):
    """Why there is no connection."""

    UNTRIED = "UNTRIED"  # our own files of TLS cannot be used, so the broker was not asked
    UNREACHABLE = "UNREACHABLE"  # no TCP, no TLS, or no CONNACK in time
    UNSUPPORTED_VERSION = "UNSUPPORTED_VERSION"
    HUNG_UP = "HUNG_UP"  # closed before CONNACK; some brokers do that to a version they lack
    REFUSED = "REFUSED"  # CONNACK said no
    LOST = "LOST"  # it was up
    TAKEN_OVER = "TAKEN_OVER"  # another client has our id
    CLOSED = "CLOSED"  # we left


@dataclass(frozen=True, slots=True)
class Ending:
    """How a connection ended; ``reason`` is for people, ``reason_code`` a refusing CONNACK's."""

    kind: EndKind
    reason: str
    reason_code: int = 0


@dataclass(frozen=True, slots=True)
class ConnectOptions:
    """Everything that CONNECT says."""

    host: str
    port: int
    client_id: str
    username: str | None
    password: str | None = field(repr=False)
    tls: bool
    ca_file: str | None
    certificate_file: str | None
    key_file: str | None
    keepalive_s: int
    session_expiry_s: int
    receive_maximum: int
    connect_timeout_s: float
    publish_window: int
    will: Publication | None
    puback_timeout_s: float = 20.0

    @property
    def url(self) -> str:
        """The address for people, without a secret."""
        return f"{'mqtts' if self.tls else 'mqtt'}://{self.host}:{self.port}"
