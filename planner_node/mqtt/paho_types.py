"""paho's types ↔ ours: properties, deliveries, CONNECT and the reasons of endings."""

import functools
import ssl
from typing import Any, Final

from paho.mqtt import client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from planner_node.mqtt.lean_paho import PlainMessage
from planner_node.mqtt.packets import (
    FIRST_REFUSAL,
    ConnectOptions,
    Delivery,
    Ending,
    EndKind,
    Granted,
    MessageProperties,
    Outcome,
    Publication,
    PublishOutcome,
    Subscription,
)

# Large enough that a task of 1 MiB still gets its typed refusal; mosquitto 2.1 has the same bound.
MAXIMUM_PACKET_BYTES: Final = 2_000_000
_REASON_UNSUPPORTED_VERSION: Final = 0x84


def configure(client: paho.Client, options: ConnectOptions, *, is_v5: bool) -> None:
    """Set what goes into CONNECT besides its own arguments.

    Raises:
        OSError: a TLS file cannot be read or used.
    """
    # Our own window bounds what is in flight; paho's queue would hide messages from it.
    client.max_inflight_messages_set(0)
    client.connect_timeout = options.connect_timeout_s
    if options.username is not None:
        client.username_pw_set(options.username, options.password)
    if options.tls:
        client.tls_set_context(_tls_context(options))
    if (will := options.will) is not None:
        properties = publish_properties(will, PacketTypes.WILLMESSAGE) if is_v5 else None
        client.will_set(will.topic, will.payload, will.qos, will.retain, properties)


class _TlsSocket(ssl.SSLSocket):
    """Closed when its handshake fails; paho would leave it to the collector."""

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002  ssl's signature
        try:
            super().do_handshake(block)
        except OSError:
            self.close()
            raise


def _tls_context(options: ConnectOptions) -> ssl.SSLContext:
    """Read the files anew for each connection, so that a renewed certificate is picked up."""
    context = ssl.create_default_context(cafile=options.ca_file)
    context.sslsocket_class = _TlsSocket
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if options.certificate_file is not None:
        context.load_cert_chain(options.certificate_file, options.key_file)
    return context


def _properties(packet_type: int) -> Any:  # noqa: ANN401  paho sets its fields by name
    return Properties(packet_type)  # type: ignore[no-untyped-call]  # paho leaves it unannotated


def connect_arguments(options: ConnectOptions, *, is_v5: bool) -> dict[str, Any]:
    """Return the keyword arguments of paho's ``connect``."""
    if not is_v5:
        return {}
    properties = _properties(PacketTypes.CONNECT)
    properties.SessionExpiryInterval = options.session_expiry_s
    properties.ReceiveMaximum = options.receive_maximum
    properties.MaximumPacketSize = MAXIMUM_PACKET_BYTES
    return {"clean_start": False, "properties": properties}


class _Packed(Properties):
    """Properties that are packed once: most messages of a node have the same ones."""

    def pack(self) -> bytes:
        if not hasattr(self, "_bytes"):
            # past Properties.__setattr__, which takes MQTT's own names only
            object.__setattr__(self, "_bytes", super().pack())  # type: ignore[no-untyped-call]  # paho
        packed: bytes = self.__dict__["_bytes"]
        return packed


def publish_properties(publication: Publication, packet_type: int = PacketTypes.PUBLISH) -> Any:  # noqa: ANN401  as above
    """Return a publication's MQTT 5 properties."""
    return _publish_properties(publication.properties, publication.expiry_s, packet_type)


@functools.lru_cache(maxsize=256)
def _publish_properties(ours: MessageProperties, expiry_s: int | None, packet_type: int) -> Any:  # noqa: ANN401  as above
    properties = _Packed(packet_type)  # type: ignore[no-untyped-call]  # paho
    given = {
        "MessageExpiryInterval": expiry_s,
        "ContentType": ours.content_type,
        "ResponseTopic": ours.response_topic,
        "CorrelationData": ours.correlation_data,
        "UserProperty": list(ours.user_properties) or None,
        "PayloadFormatIndicator": 1 if ours.content_type is not None else None,
    }
    for name, value in given.items():
        if value is not None:
            setattr(properties, name, value)
    return properties


def subscribe_options(subscription: Subscription, *, is_v5: bool) -> Any:  # noqa: ANN401  paho's union
    """Return what paho wants beside a filter: options, or the bare QoS over MQTT 3.1.1."""
    if not is_v5:
        return 1
    # Retain As Published: a retained command must be seen as one even when it comes live.
    return SubscribeOptions(
        qos=1,
        noLocal=subscription.no_local,
        retainAsPublished=True,
        retainHandling=int(subscription.newly_only),
    )


def granted_from(properties: Properties | None, *, is_v5: bool, session_present: bool) -> Granted:
    """Read what the broker offers; MQTT 3.1.1 says nothing."""
    if not is_v5:
        return Granted(session_present=session_present)
    return Granted(
        mqtt_version="5",
        session_present=session_present,
        receive_maximum=getattr(properties, "ReceiveMaximum", 65_535),
        maximum_packet_bytes=getattr(properties, "MaximumPacketSize", None),
        maximum_qos=getattr(properties, "MaximumQoS", 2),
        retain_available=bool(getattr(properties, "RetainAvailable", 1)),
        shared_subscriptions=bool(getattr(properties, "SharedSubscriptionAvailable", 1)),
    )


@functools.cache
def publish_outcome(reason: int) -> PublishOutcome:
    """Return what a PUBACK's reason code says of the publication."""
    if reason < FIRST_REFUSAL:
        return PublishOutcome(Outcome.ACCEPTED, reason)
    try:
        said = str(ReasonCode(PacketTypes.PUBACK, identifier=reason))
    except KeyError:  # not one of MQTT's
        said = "refused"
    return PublishOutcome(Outcome.REFUSED, reason, said)


def delivery_from(message: paho.MQTTMessage | PlainMessage, epoch: int) -> Delivery:
    """Copy a message; a topic that is not UTF-8 becomes empty, and is nobody's."""
    if isinstance(message, PlainMessage):
        topic, payload, mid = message.topic, message.payload, message.mid
        return Delivery(topic, payload, message.qos, message.retain, epoch, mid, message.dup)
    properties = message.properties
    return Delivery(
        *_essentials(message, epoch),
        dup=bool(message.dup),
        expiry_s=getattr(properties, "MessageExpiryInterval", None),
        properties=MessageProperties(
            response_topic=getattr(properties, "ResponseTopic", None),
            correlation_data=getattr(properties, "CorrelationData", None),
            user_properties=tuple(getattr(properties, "UserProperty", ())),
            content_type=getattr(properties, "ContentType", None),
        ),
    )


def unreadable(message: paho.MQTTMessage | PlainMessage, epoch: int, fault: str) -> Delivery:
    """Copy what is needed to report and to acknowledge a message that ``delivery_from`` refused."""
    return Delivery(*_essentials(message, epoch), fault=fault)


def _essentials(
    message: paho.MQTTMessage | PlainMessage, epoch: int
) -> tuple[str, bytes, int, bool, int, int]:
    """Return what every delivery has, in the order of its fields."""
    payload, retain = bytes(message.payload), bool(message.retain)
    return _topic_of(message), payload, message.qos, retain, epoch, message.mid


def _topic_of(message: paho.MQTTMessage | PlainMessage) -> str:
    try:
        return message.topic
    except UnicodeDecodeError:
        return ""


def connect_failure(error: BaseException | None, refusal: ReasonCode | None) -> Ending:
    """Say why there was no connection, as exactly as anyone told us."""
    if refusal is not None:
        unsupported = refusal.value == _REASON_UNSUPPORTED_VERSION
        kind = EndKind.UNSUPPORTED_VERSION if unsupported else EndKind.REFUSED
        return Ending(kind, f"the broker refused: {refusal}", refusal.value)
    if error is not None:
        return Ending(EndKind.UNREACHABLE, f"{error or type(error).__name__}")
    return Ending(EndKind.HUNG_UP, "the broker closed the connection before it answered")
