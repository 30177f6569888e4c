"""One connection: what mosquitto and the embedded broker promise alike, and what MQTT 5 adds."""

from dataclasses import replace

import pytest

from planner_node.mqtt.packets import (
    MessageProperties,
    Outcome,
    Publication,
    Subscription,
)
from tests.fakes.guest import GONE, connected
from tests.fakes.mosquitto import Mosquitto
from tests.mqtt.conftest import Make

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
