"""One connection: what both brokers promise, and what only a scripted one does."""

import asyncio
import gc
import socket
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from planner_node.mqtt import network
from planner_node.mqtt.client import Connection
from planner_node.mqtt.packets import (
    ConnectOptions,
    Delivery,
    Ending,
    EndKind,
    MessageProperties,
    Outcome,
    Publication,
    Subscription,
)
from tests.fakes.mosquitto import Mosquitto, free_port
from tests.fakes.waiting import until
from tests.fakes.wire import (
    NOT_AUTHORIZED_V5,
    TAKEN_OVER,
    Script,
    accepted_v5,
    maximum_packet_bytes,
    receive_maximum,
    scripted,
)

Make = Callable[..., ConnectOptions]
GONE = Ending(EndKind.CLOSED, "the test cut it")


class Client:
    """A connection with its inbox."""

    def __init__(self, options: ConnectOptions, *, is_v5: bool = True, epoch: int = 1) -> None:
        self.inbox: asyncio.Queue[Delivery] = asyncio.Queue()
        self.connection = Connection(
            options, is_v5=is_v5, epoch=epoch, deliver=self.inbox.put_nowait
        )

    async def next(self) -> Delivery:
        async with asyncio.timeout(5):
            return await self.inbox.get()


async def connected(options: ConnectOptions, *filters: str, epoch: int = 1) -> Client:
    """Connect as the link does: MQTT 5, and 3.1.1 when that is refused."""
    client = Client(options, epoch=epoch)
    ending = await client.connection.open()
    if ending is not None:
        client = Client(options, is_v5=False, epoch=epoch)
        ending = await client.connection.open()
    if ending is not None:
        raise ConnectionError(ending.reason)
    if filters:
        codes = await client.connection.subscribe([Subscription(name) for name in filters])
        if codes != [1] * len(filters):
            raise ConnectionError(f"subscription refused: {codes}")
    return client


# -- both brokers ----------------------------------------------------------------------------


async def test_message_comes_back_and_is_acknowledged(any_port: int, options: Make) -> None:
    client = await connected(options(any_port), "both/+/x")
    outcome = await client.connection.publish(Publication("both/1/x", "書".encode()))
    got = await client.next()
    assert outcome.outcome is Outcome.ACCEPTED
    assert (got.topic, got.payload, got.qos, got.epoch) == ("both/1/x", "書".encode(), 1, 1)
    assert client.connection.acknowledge(got)
    await client.connection.close()


async def test_retained_message_waits_for_a_subscriber(any_port: int, options: Make) -> None:
    client = await connected(options(any_port))
    await client.connection.publish(Publication("kept/a", b"1", retain=True))
    await client.connection.subscribe([Subscription("kept/a")])
    got = await client.next()
    assert (got.payload, got.retain) == (b"1", True)
    client.connection.acknowledge(got)
    await client.connection.publish(Publication("kept/a", b"", retain=True))
    await client.connection.close()


async def test_last_will_is_published_when_the_line_is_cut(any_port: int, options: Make) -> None:
    watcher = await connected(options(any_port), "wills/a")
    will = Publication("wills/a", b"broken")
    victim = await connected(options(any_port, will=will))
    victim.connection.abort(GONE)
    assert (await watcher.next()).payload == b"broken"
    await watcher.connection.close()


async def test_last_will_is_not_published_after_a_goodbye(any_port: int, options: Make) -> None:
    watcher = await connected(options(any_port), "wills/b")
    will = Publication("wills/b", b"broken")
    leaver = await connected(options(any_port, will=will))
    await leaver.connection.close()
    await watcher.connection.publish(Publication("wills/b", b"marker"))
    assert (await watcher.next()).payload == b"marker"
    await watcher.connection.close()


async def test_what_is_sent_while_we_are_away_comes_later_and_is_not_retained(
    any_port: int, options: Make
) -> None:
    ours = options(any_port)
    first = await connected(ours, "away/a")
    await first.connection.close()
    sender = await connected(options(any_port))
    await sender.connection.publish(Publication("away/a", b"queued"))
    second = await connected(ours)
    got = await second.next()
    assert (got.payload, got.retain) == (b"queued", False)
    second.connection.acknowledge(got)
    await second.connection.close()
    await sender.connection.close()


async def test_retained_messages_of_others_subscriptions_do_not_come(
    any_port: int, options: Make
) -> None:
    other = await connected(options(any_port), "others/a")
    await other.connection.publish(Publication("others/a", b"1", retain=True))
    client = await connected(options(any_port), "mine/a")
    await client.connection.publish(Publication("mine/a", b"marker"))
    assert (await client.next()).payload == b"marker"
    await other.connection.publish(Publication("others/a", b"", retain=True))
    await other.connection.close()
    await client.connection.close()


# -- mosquitto: MQTT 5 -----------------------------------------------------------------------


@pytest.mark.broker
async def test_properties_travel_both_ways(shared_mosquitto: Mosquitto, options: Make) -> None:
    client = await connected(options(shared_mosquitto.port), "v5/a")
    properties = MessageProperties("desk/7", b"\x00\xff", (("traceparent", "t"),), "text/plain")
    await client.connection.publish(Publication("v5/a", b"x", expiry_s=60, properties=properties))
    got = await client.next()
    assert (got.properties, got.expiry_s) == (properties, 60)
    await client.connection.close()


@pytest.mark.broker
async def test_retained_flag_is_seen_on_live_messages(
    shared_mosquitto: Mosquitto, options: Make
) -> None:
    client = await connected(options(shared_mosquitto.port), "v5/b")
    await client.connection.publish(Publication("v5/b", b"x", retain=True))
    assert (await client.next()).retain is True
    await client.connection.publish(Publication("v5/b", b"", retain=True))
    await client.connection.close()


@pytest.mark.broker
async def test_unacknowledged_message_is_redelivered_and_a_late_acknowledgement_is_dropped(
    shared_mosquitto: Mosquitto, options: Make
) -> None:
    ours = options(shared_mosquitto.port)
    first = await connected(ours, "late/a", epoch=1)
    await first.connection.publish(Publication("late/a", b"x"))
    stale = await first.next()
    first.connection.abort(GONE)
    second = await connected(ours, epoch=2)
    again = await second.next()
    assert (again.payload, again.dup, again.epoch) == (b"x", True, 2)
    assert second.connection.acknowledge(stale) is False
    assert second.connection.acknowledge(again) is True
    await second.connection.close()


@pytest.mark.broker
async def test_late_acknowledgement_after_a_lost_session_loses_nothing(
    shared_mosquitto: Mosquitto, options: Make
) -> None:
    ours = options(shared_mosquitto.port)
    first = await connected(ours, "late/b", epoch=1)
    await first.connection.publish(Publication("late/b", b"old"))
    stale = await first.next()
    first.connection.abort(GONE)
    forgetful = await connected(replace(ours, session_expiry_s=0), epoch=2)  # the session ends
    await forgetful.connection.close()
    third = await connected(ours, "late/b", epoch=3)
    await third.connection.publish(Publication("late/b", b"new"))
    new = await third.next()
    third.connection.acknowledge(stale)
    third.connection.abort(GONE)
    fourth = await connected(ours, epoch=4)
    assert (new.payload, (await fourth.next()).payload) == (b"new", b"new")
    await fourth.connection.close()


@pytest.mark.broker
async def test_no_subscriber_is_no_refusal(shared_mosquitto: Mosquitto, options: Make) -> None:
    client = await connected(options(shared_mosquitto.port))
    outcome = await client.connection.publish(Publication("nobody/listens", b"x"))
    assert (outcome.outcome, outcome.reason_code) == (Outcome.ACCEPTED, 0x10)
    await client.connection.close()


@pytest.mark.parametrize("topic", ["", "a/+", "a/#", "a\x00b", "x" * 65_536, "a\ud800b"])
@pytest.mark.broker
async def test_topic_that_would_end_the_connection_is_refused_here(
    shared_mosquitto: Mosquitto, options: Make, topic: str
) -> None:
    client = await connected(options(shared_mosquitto.port))
    outcome = await client.connection.publish(Publication(topic, b"x"))
    assert outcome.outcome is Outcome.REFUSED
    assert client.connection.is_up
    await client.connection.close()


# -- a scripted broker -----------------------------------------------------------------------


async def test_puback_with_a_refusal_is_a_refusal(options: Make) -> None:
    async with scripted(Script(puback_code=0x87)) as broker:
        client = await connected(options(broker.port))
        outcome = await client.connection.publish(Publication("a", b"x"))
        assert (outcome.outcome, outcome.reason_code) == (Outcome.REFUSED, 0x87)
        await client.connection.close()


async def test_suback_with_a_refusal_is_seen(options: Make) -> None:
    async with scripted(Script(suback_code=0x87)) as broker:
        client = await connected(options(broker.port))
        assert await client.connection.subscribe([Subscription("a")]) == [0x87]
        await client.connection.close()


async def test_message_over_the_brokers_limit_is_not_sent(options: Make) -> None:
    connack = accepted_v5(maximum_packet_bytes(200))
    async with scripted(Script(connack=connack)) as broker:
        client = await connected(options(broker.port))
        outcome = await client.connection.publish(Publication("a", b"x" * 200))
        assert (outcome.outcome, broker.published) == (Outcome.REFUSED, [])
        await client.connection.close()


async def test_window_never_exceeds_the_brokers_receive_maximum(options: Make) -> None:
    connack = accepted_v5(receive_maximum(3))
    async with scripted(Script(connack=connack, puback_code=None)) as broker:
        client = await connected(options(broker.port, publish_window=20))
        sends = [
            asyncio.create_task(client.connection.publish(Publication("a", b"%d" % number)))
            for number in range(10)
        ]
        await until(lambda: len(broker.published) == 3)
        await client.connection.subscribe([Subscription("a")])  # a round trip: nothing more came
        assert len(broker.published) == 3
        client.connection.abort(GONE)
        outcomes = [(await send).outcome for send in sends]
        assert outcomes == [Outcome.LOST] * 10


async def test_connection_without_pubacks_is_given_up(options: Make) -> None:
    async with scripted(Script(puback_code=None)) as broker:
        client = await connected(options(broker.port, puback_timeout_s=0.05))
        outcome = await client.connection.publish(Publication("a", b"x"))
        ending = await client.connection.ended()
        assert (outcome.outcome, ending.kind) == (Outcome.LOST, EndKind.LOST)
        assert "no PUBACK" in ending.reason


async def test_silent_broker_is_left_after_the_timeout(options: Make) -> None:
    async with scripted(Script(connack=None)) as broker:
        client = Client(options(broker.port, connect_timeout_s=0.1))
        ending = await client.connection.open()
        assert ending == Ending(EndKind.UNREACHABLE, "no CONNACK within 0.1 s")


async def test_refused_connect_says_why(options: Make) -> None:
    async with scripted(Script(connack=NOT_AUTHORIZED_V5)) as broker:
        ending = await Client(options(broker.port)).connection.open()
        assert ending == Ending(EndKind.REFUSED, "the broker refused: Not authorized")


async def test_broker_that_hangs_up_is_told_from_one_that_refuses(options: Make) -> None:
    async with scripted(Script(connack=None, hangs_up=True)) as broker:
        ending = await Client(options(broker.port)).connection.open()
        assert ending is not None
        assert ending.kind is EndKind.HUNG_UP


async def test_nobody_there_says_so(options: Make) -> None:
    ending = await Client(options(free_port())).connection.open()
    assert ending is not None
    assert ending.kind is EndKind.UNREACHABLE
    assert "refused" in ending.reason


async def test_missing_tls_file_says_so(options: Make) -> None:
    ending = await Client(options(1, tls=True, ca_file="no/such/file")).connection.open()
    assert ending is not None
    assert "TLS files" in ending.reason


async def test_takeover_is_told_from_a_loss(options: Make) -> None:
    async with scripted(Script()) as broker:
        client = await connected(options(broker.port))
        broker.push(TAKEN_OVER)
        ending = await client.connection.ended()
        assert ending.kind is EndKind.TAKEN_OVER


async def test_topic_that_is_not_text_arrives_as_nobodys(options: Make) -> None:
    async with scripted(Script()) as broker:
        client = await connected(options(broker.port))
        broker.push(b"\x32\x08\x00\x02\xff\xfe\x00\x07\x00x")
        got = await client.next()
        assert (got.topic, got.payload) == ("", b"x")
        client.connection.acknowledge(got)
        await until(lambda: broker.acknowledged == [7])
        await client.connection.close()


async def test_malformed_packets_end_the_connection_and_nothing_else(options: Make) -> None:
    async with scripted(Script()) as broker:
        client = await connected(options(broker.port))
        broker.push(b"\xff" * 64)
        ending = await client.connection.ended()
        assert ending.kind is EndKind.LOST


async def test_exception_in_a_callback_does_not_end_the_network_thread(
    options: Make, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> Delivery:
        raise ValueError("injected")

    async with scripted(Script()) as broker:
        client = await connected(options(broker.port))
        with monkeypatch.context() as patch:
            patch.setattr(network, "delivery_from", fail)
            broker.publish("a", b"lost", mid=1)
            await until(lambda: "callback on_message failed" in caplog.text)
        broker.publish("a", b"next", mid=2)
        assert (await client.next()).payload == b"next"
        await client.connection.close()


async def test_nagle_is_off(options: Make) -> None:
    async with scripted(Script()) as broker:
        client = await connected(options(broker.port))
        inner = client.connection._network._paho
        assert inner is not None
        sock = inner.socket()
        assert isinstance(sock, socket.socket)
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
        await client.connection.close()


async def test_many_connections_leave_no_thread_and_no_file_open(options: Make) -> None:
    async with scripted(Script()) as broker:
        await (await connected(options(broker.port))).connection.close()
        await until(lambda: not network_threads())
        files = open_files()
        gc.disable()  # what a circle would keep must be gone without the collector
        try:
            for _ in range(10):
                client = await connected(options(broker.port))
                client.connection.abort(GONE)
            await until(lambda: not network_threads())
            # Each connection that leaks would keep three; a few may belong to somebody else.
            await until(lambda: open_files() < files + 10)
        finally:
            gc.enable()


def network_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if "paho" in thread.name]


def open_files() -> int:
    return len([*Path("/dev/fd").iterdir()])
