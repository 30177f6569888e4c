"""The connection that comes back."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from planner_node.broker.embedded import EmbeddedBroker
from planner_node.errors import BrokerRefused
from planner_node.mqtt import link as module
from planner_node.mqtt.client import Connection
from planner_node.mqtt.inbox import MAX_WAITING
from planner_node.mqtt.link import Link
from planner_node.mqtt.packets import (
    ConnectOptions,
    Delivery,
    Granted,
    Outcome,
    Publication,
    Subscription,
)
from planner_node.mqtt.reconnect import Reconnect
from tests.fakes.mosquitto import Mosquitto, free_port
from tests.fakes.waiting import until
from tests.fakes.wire import (
    ACCEPTED_V5,
    PUBACK,
    SUBSCRIBE,
    TAKEN_OVER,
    Script,
    refused_v5,
    scripted,
)
from tests.mqtt.conftest import Make


def everything(_granted: Granted) -> Sequence[Subscription]:
    return [Subscription("in/#")]


def link_to(options: ConnectOptions, min_s: float = 0.01, max_s: float = 0.05) -> Link:
    return Link(options, everything, Reconnect(min_s, max_s, lambda: 0.5))


@asynccontextmanager
async def working(link: Link) -> AsyncIterator[Link]:
    async with asyncio.TaskGroup() as group:
        group.create_task(link.run())
        try:
            yield link
        finally:
            await link.leave()


async def test_broker_away_at_start_is_waited_for_and_named(tmp_path: Path, options: Make) -> None:
    port = free_port()
    async with working(link_to(options(port))) as link:
        await until(lambda: "no connection to" in link.state.reason)
        assert f"127.0.0.1:{port}" in link.state.reason
        broker = Mosquitto(tmp_path, port=port)
        broker.start()
        try:
            await until(lambda: link.state.is_ok)
        finally:
            await link.leave()
            broker.stop()


async def test_link_comes_back_and_subscribes_again_after_a_broker_restart(
    tmp_path: Path, options: Make
) -> None:
    broker = Mosquitto(tmp_path)
    broker.start()
    async with working(link_to(options(broker.port))) as link:
        await until(lambda: link.state.is_ok)
        broker.stop()
        await until(lambda: not link.state.is_ok)
        broker.start()
        await until(lambda: link.state.is_ok)
        connection = await link.connection()
        await connection.publish(Publication("in/a", b"after"))
        async with asyncio.timeout(5):
            async for delivery in link.deliveries():
                assert delivery.payload == b"after"
                break
        await link.leave()
        broker.stop()


async def test_refused_password_is_said_with_the_user_and_what_to_check(options: Make) -> None:
    async with (
        scripted(Script(connack=refused_v5(0x87))) as broker,
        working(link_to(options(broker.port, username="ann", password="secret-7"))) as link,
    ):
        await until(lambda: broker.connects >= 2)
        assert "'ann'" in link.state.reason
        assert "Not authorized" in link.state.reason
        assert "secret-7" not in link.state.reason


async def test_embedded_broker_is_reached_through_the_fallback(options: Make) -> None:
    async with EmbeddedBroker(0) as broker, working(link_to(options(broker.port))) as link:
        await until(lambda: link.state.is_ok)
        assert (await link.connection()).granted.mqtt_version == "3.1.1"


async def test_broker_that_hangs_up_on_both_versions_is_tried_with_both(options: Make) -> None:
    async with (
        scripted(Script(connack=None, hangs_up=True)) as broker,
        working(link_to(options(broker.port))),
    ):
        await until(lambda: len(broker.levels) >= 6)
        assert broker.levels[:6] == [5, 5, 4, 5, 5, 4]


async def test_line_that_is_cut_at_the_connect_is_no_old_broker(options: Make) -> None:
    script = Script(connack=None, hangs_up=True)
    async with (
        scripted(script) as broker,
        working(link_to(options(broker.port), min_s=0.2, max_s=0.2)) as link,
    ):
        await until(lambda: broker.levels)
        broker.hangs_up, broker.connack = False, ACCEPTED_V5
        await until(lambda: link.state.is_ok)
        assert (broker.levels, (await link.connection()).granted.mqtt_version) == ([5, 5], "5")


async def test_takeover_stops_the_tries_and_is_explained(options: Make) -> None:
    async with scripted(Script()) as broker, working(link_to(options(broker.port))) as link:
        await until(lambda: link.state.is_ok)
        broker.push(TAKEN_OVER)
        await until(lambda: "another client uses our id" in link.state.reason)
        assert broker.connects == 1


async def test_refused_subscription_is_not_ready_and_the_way_out_works(options: Make) -> None:
    async with (
        scripted(Script(suback_code=0x87)) as broker,
        working(link_to(options(broker.port))) as link,
    ):
        await until(lambda: "refuses us in/# (reason 0x87)" in link.state.reason)
        outcome = await (await link.connection()).publish(Publication("a", b"x"))
        assert (outcome.outcome, link.is_up) == (Outcome.ACCEPTED, True)


async def test_granted_subscription_is_found_without_a_new_connection(
    options: Make, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "RESUBSCRIBE_S", 0.01)
    async with (
        scripted(Script(suback_code=0x87)) as broker,
        working(link_to(options(broker.port))) as link,
    ):
        await until(lambda: broker.packets.count(SUBSCRIBE) >= 4)
        assert caplog.text.count("refuses us") == 1
        broker.suback_code = 1
        await until(lambda: link.state.is_ok)
        assert broker.connects == 1


async def test_only_what_was_refused_is_asked_for_again(
    options: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is granted brings its retained messages again with each SUBSCRIBE of MQTT 3.1.1."""
    asked: list[list[str]] = []

    async def refuse_b(_: Connection, wanted: Sequence[Subscription]) -> list[int]:
        asked.append([one.topic_filter for one in wanted])
        return [0x87 if one.topic_filter == "b" and len(asked) < 3 else 1 for one in wanted]

    monkeypatch.setattr(module, "RESUBSCRIBE_S", 0.01)
    monkeypatch.setattr(Connection, "subscribe", refuse_b)
    async with scripted(Script()) as broker:
        both = [Subscription("a"), Subscription("b")]
        link = Link(options(broker.port), lambda _: both, Reconnect(0.01, 0.05, lambda: 0.5))
        async with working(link):
            await until(lambda: link.state.is_ok)
    assert asked == [["a", "b"], ["b"], ["b"]]


async def test_what_the_broker_lacks_is_not_ready_with_the_reason(options: Make) -> None:
    def too_much(_granted: Granted) -> Sequence[Subscription]:
        raise BrokerRefused("no shared subscriptions here")

    async with scripted(Script()) as broker:
        link = Link(options(broker.port), too_much, Reconnect(0.01, 0.05, lambda: 0.5))
        async with working(link):
            await until(lambda: link.state.reason == "no shared subscriptions here")


async def test_deliveries_of_an_older_connection_are_left_to_the_broker(options: Make) -> None:
    async with scripted(Script()) as broker, working(link_to(options(broker.port))) as link:
        await until(lambda: link.state.is_ok)
        broker.publish("in/a", b"old", mid=1)
        await until(lambda: not link._inbox.is_empty)
        broker.cut()
        await until(lambda: broker.connects == 2)
        await link.connection(after_epoch=1)
        broker.publish("in/a", b"new", mid=2)
        async with asyncio.timeout(5):
            async for delivery in link.deliveries():
                assert delivery.payload == b"new"
                break


async def test_what_comes_right_behind_the_connack_can_be_acknowledged(options: Make) -> None:
    async with scripted(Script()) as broker, working(link_to(options(broker.port))) as link:
        await until(lambda: broker.connects == 1)
        broker.publish("in/a", b"queued", mid=1)
        async with asyncio.timeout(5):
            async for delivery in link.deliveries():
                assert link.acknowledge(delivery)
                break
        await until(lambda: broker.acknowledged == [1])


async def test_a_broker_that_answers_behind_an_acknowledgement_has_it(options: Make) -> None:
    async with scripted(Script()) as broker, working(link_to(options(broker.port))) as link:
        await until(lambda: link.state.is_ok)
        for mid in (1, 2):
            broker.publish("in/a", b"task", mid=mid)
        older, newer = await a_few(link, 2)
        broker.packets.clear()
        link.acknowledge(older)
        assert await link.settled(newer)
        assert (broker.packets, broker.acknowledged) == ([PUBACK, SUBSCRIBE], [1])
        broker.cut()
        await link.connection(after_epoch=1)
        assert not await link.settled(newer)


async def test_a_later_answer_proves_what_was_sent_before(options: Make) -> None:
    silent = Script(puback_code=None)
    async with scripted(silent) as broker, working(link_to(options(broker.port))) as link:
        assert not link.proof()()
        await until(lambda: link.state.is_ok)
        connection = await link.connection()
        before = await connection.send(Publication("out/a", b"before"))
        is_proven = link.proof()
        after = await connection.send(Publication("out/a", b"after"))
        await until(lambda: len(broker.published) == 2)
        older, newer = (body[7:9] for body in broker.published)  # behind the topic: the packet id
        broker.push(b"\x40\x02" + older)
        await before
        assert not is_proven()
        broker.push(b"\x40\x02" + newer)
        await after
        assert is_proven()


async def a_few(link: Link, number: int) -> list[Delivery]:
    found: list[Delivery] = []
    async with asyncio.timeout(5):
        async for delivery in link.deliveries():
            found.append(delivery)
            if len(found) == number:
                break
    return found


async def test_flood_at_qos_0_fills_no_memory_and_keeps_nothing_else_away(
    options: Make, caplog: pytest.LogCaptureFixture
) -> None:
    async with scripted(Script()) as broker, working(link_to(options(broker.port))) as link:
        await until(lambda: link.state.is_ok)
        broker.push(b"\x30\x05\x00\x01a\x00f" * 3 * MAX_WAITING)
        broker.publish("a", b"kept", mid=1)
        await until(lambda: link.dropped == 2 * MAX_WAITING)
        assert caplog.text.count("more comes at QoS 0") == 1
        found = []
        async with asyncio.timeout(5):
            async for delivery in link.deliveries():
                found.append(delivery.payload)
                if delivery.qos == 1:
                    break
        assert found == [b"f"] * MAX_WAITING + [b"kept"]


async def test_twenty_flaps_are_survived(options: Make) -> None:
    async with scripted(Script()) as broker, working(link_to(options(broker.port))) as link:
        for epoch in range(1, 21):
            await until(lambda: link.state.is_ok and link.is_up)
            assert link.connects == epoch
            broker.cut()
            await until(lambda number=epoch: broker.connects > number)
        await until(lambda: link.state.is_ok)


async def test_cancelled_link_leaves_no_connection(options: Make) -> None:
    async with scripted(Script()) as broker:
        link = link_to(options(broker.port))
        running = asyncio.create_task(link.run())
        await until(lambda: link.state.is_ok)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert not link.is_up
