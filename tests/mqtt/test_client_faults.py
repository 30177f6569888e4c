"""One connection to a scripted broker: refusals, silence, takeovers and rubbish."""

import asyncio
import gc
import socket
import threading
from pathlib import Path

import pytest

from planner_node.clock import monotonic_s
from planner_node.mqtt import network
from planner_node.mqtt.packets import (
    Delivery,
    Ending,
    EndKind,
    Outcome,
    Publication,
    Subscription,
)
from planner_node.mqtt.sockets import BufferedSocket
from tests.fakes.guest import GONE, Client, connected
from tests.fakes.mosquitto import free_port
from tests.fakes.waiting import until
from tests.fakes.wire import (
    TAKEN_OVER,
    Script,
    accepted_v5,
    maximum_packet_bytes,
    receive_maximum,
    refused_v5,
    scripted,
)
from tests.mqtt.conftest import Make


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


async def test_broker_that_does_not_answer_a_subscription_is_left(options: Make) -> None:
    async with scripted(Script(suback_code=None)) as broker, asyncio.timeout(5):
        client = await connected(options(broker.port, puback_timeout_s=0.05))
        assert await client.connection.subscribe([Subscription("a")]) == []
        ending = await client.connection.ended()
        assert ending == Ending(EndKind.LOST, "no SUBACK within 0.05 s")


async def test_connection_ends_rather_than_write_what_is_overdue(options: Make) -> None:
    async with scripted(Script()) as broker:
        client = await connected(options(broker.port))
        outcome = await client.connection.send(Publication("late/a", b"1"), monotonic_s)
        assert (await outcome).outcome is Outcome.LOST
        assert (await client.connection.ended()).kind is EndKind.LOST


async def test_silent_broker_is_left_after_the_timeout(options: Make) -> None:
    async with scripted(Script(connack=None)) as broker:
        client = Client(options(broker.port, connect_timeout_s=0.1))
        ending = await client.connection.open()
        assert ending == Ending(EndKind.UNREACHABLE, "no CONNACK within 0.1 s")


async def test_attempt_that_was_given_up_never_reaches_the_broker(
    options: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it takes our id from the healthy connection, and nobody hears what it is sent."""
    is_found, look_up = threading.Event(), socket.getaddrinfo

    def slowly(*address: object) -> object:
        is_found.wait(5)
        return look_up(*address)  # type: ignore[arg-type]  # passed on as they are

    async with scripted(Script()) as broker:
        monkeypatch.setattr(socket, "getaddrinfo", slowly)
        ending = await Client(options(broker.port, connect_timeout_s=0.1)).connection.open()
        assert ending == Ending(EndKind.UNREACHABLE, "no CONNACK within 0.1 s")
        is_found.set()
        await until(lambda: not network_threads())
        assert broker.connects == 0


async def test_refused_connect_says_why(options: Make) -> None:
    async with scripted(Script(connack=refused_v5(0x87))) as broker:
        ending = await Client(options(broker.port)).connection.open()
        assert ending == Ending(EndKind.REFUSED, "the broker refused: Not authorized", 0x87)


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
    assert ending.kind is EndKind.UNTRIED
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


async def test_message_that_a_callback_failed_on_is_handed_on_as_such(
    options: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> Delivery:
        raise ValueError("injected")

    async with scripted(Script()) as broker:
        client = await connected(options(broker.port))
        with monkeypatch.context() as patch:
            patch.setattr(network, "delivery_from", fail)
            broker.publish("a", b"unread", mid=1)
            unread = await client.next()
        assert (unread.payload, unread.fault) == (b"unread", "ValueError: injected")
        broker.publish("a", b"next", mid=2)
        assert (await client.next()).payload == b"next"
        await client.connection.close()


@pytest.mark.parametrize("callback", ["on_puback", "on_subscribe", "on_connect"])
async def test_failed_callback_ends_its_connection_and_no_wait_is_for_ever(
    options: Make, monkeypatch: pytest.MonkeyPatch, callback: str
) -> None:
    def fail(*_: object) -> None:
        raise ValueError("injected")

    failing = network._guarded(fail)
    failing.__name__ = callback
    monkeypatch.setattr(network.Network, callback, failing)
    async with scripted(Script()) as broker, asyncio.timeout(5):
        client = Client(options(broker.port))
        if await client.connection.open() is None:
            await client.connection.subscribe([Subscription("a")])
            await client.connection.publish(Publication("a", b"x"))
        ending = await client.connection.ended()
        assert ending.kind in {EndKind.LOST, EndKind.HUNG_UP}


async def test_end_that_cannot_be_told_is_told_all_the_same(
    options: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> Ending:
        raise ValueError("injected")

    async with scripted(Script()) as broker, asyncio.timeout(5):
        client = await connected(options(broker.port))
        monkeypatch.setattr(network.Network, "_ending", fail)
        broker.cut()
        assert await client.connection.ended() == Ending(EndKind.LOST, "on_end failed: injected")


async def test_nagle_is_off(options: Make) -> None:
    async with scripted(Script()) as broker:
        client = await connected(options(broker.port))
        inner = client.connection._network._paho
        assert inner is not None
        sock = inner.socket()
        assert isinstance(sock, BufferedSocket)
        assert sock.plain.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
        await client.connection.close()


async def test_many_connections_leave_no_thread_and_no_socket_open(options: Make) -> None:
    async with scripted(Script()) as broker:
        await (await connected(options(broker.port))).connection.close()
        await until(lambda: not network_threads())
        sockets = open_sockets()
        gc.disable()  # what a circle would keep must be gone without the collector
        try:
            for _ in range(10):
                client = await connected(options(broker.port))
                client.connection.abort(GONE)
            await until(lambda: not network_threads())
            await until(lambda: open_sockets() <= sockets)
        finally:
            gc.enable()


def network_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if "paho" in thread.name]


def open_sockets() -> int:
    """Sockets of this process: each connection has three, and the broker one for it."""
    return sum(link.is_socket() for link in Path("/dev/fd").iterdir())
