"""The life sign: birth, heartbeat, farewell, and what stands on our own topic."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from messages.status import NodeInfo, NodeState
from planner_node.mqtt.packets import Outcome, Publication, PublishOutcome
from planner_node.mqtt.presence import Identity, Presence, last_will
from tests.fakes.brokerless import HandSession, HandSessions, delivery
from tests.fakes.clock import START, ManualClock
from tests.fakes.desk import Idle
from tests.fakes.waiting import until

WHO = Identity("n1", "session-1", "planner/v1")
STATUS, INFO = "planner/v1/nodes/n1/status", "planner/v1/nodes/n1/info"


def said(publication: Publication) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(publication.payload)
    return value


@asynccontextmanager
async def working(
    heartbeat_s: float = 60,
    look_s: float = 60,
    load: Callable[[], Idle] = lambda: Idle(queue_depth=3, running=2),
    *,
    accepts: bool = True,
) -> AsyncIterator[tuple[Presence, HandSessions, HandSession]]:
    presence = Presence(WHO, ManualClock(), load, heartbeat_s, look_s)
    sessions = HandSessions()
    session = await sessions.open(HandSession(accepts=accepts))
    running = asyncio.create_task(presence.run(sessions))
    try:
        yield presence, sessions, session
    finally:
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running


async def test_birth_is_retained_and_says_how_the_node_is() -> None:
    async with working() as (_, _, session):
        [birth] = await session.until_sent(1)
    assert (birth.topic, birth.retain, birth.qos) == (STATUS, True, 1)
    assert (said(birth)["state"], said(birth)["queue_depth"], said(birth)["running"]) == (
        "STARTING",
        3,
        2,
    )


async def test_last_will_carries_the_session_of_the_birth() -> None:
    async with working() as (_, _, session):
        [birth] = await session.until_sent(1)
    will = last_will(WHO, START)
    assert (will.topic, will.retain) == (birth.topic, True)
    assert said(will)["state"] == "CONNECTION_BROKEN"
    assert said(will)["session_id"] == said(birth)["session_id"]


async def test_change_is_said_at_once_and_repetition_is_not() -> None:
    async with working() as (presence, _, session):
        await session.until_sent(1)
        presence.change(NodeState.READY, model_ready=True)
        presence.change(NodeState.READY, model_ready=True)
        sent = await session.until_sent(2)
    assert [said(one)["state"] for one in sent] == ["STARTING", "READY"]


async def test_another_load_is_said_without_being_told() -> None:
    load = Idle(queue_depth=3, running=2)
    async with working(look_s=0.001, load=lambda: load) as (_, _, session):
        await session.until_sent(1)
        load.queue_depth = 4
        await session.until_sent(2)
        load.running = 1
        sent = await session.until_sent(3)
    loads = [(said(one)["queue_depth"], said(one)["running"]) for one in sent]
    assert loads == [(3, 2), (4, 2), (4, 1)]


async def test_load_that_stays_is_not_said_again() -> None:
    looks: list[Idle] = []

    def load() -> Idle:
        looks.append(Idle(queue_depth=3))
        return looks[-1]

    async with working(look_s=0.001, load=load) as (_, _, session):
        await until(lambda: len(looks) > 5)
        assert len(session.sent) == 1


async def test_load_that_changes_while_it_is_said_waits_for_the_next_look() -> None:
    """A busy node must not answer each PUBACK with the next status."""
    load = Idle()
    async with working(load=lambda: load, accepts=False) as (presence, _, session):
        await session.until_sent(1)
        load.queue_depth = 1
        session.answer()
        await until(lambda: presence._was_born)
        load.queue_depth = 2
        presence.change(NodeState.READY, model_ready=True)
        sent = await session.until_sent(2)
        assert [said(one)["queue_depth"] for one in sent] == [0, 2]


async def test_heartbeat_comes_without_a_change() -> None:
    async with working(heartbeat_s=0.001) as (_, _, session):
        assert len(await session.until_sent(3)) >= 3


async def test_birth_and_info_are_said_again_on_the_next_connection() -> None:
    async with working() as (presence, sessions, session):
        presence.describe(node_info())
        await session.until_sent(2)
        session.end()
        second = await sessions.open(HandSession(epoch=2))
        sent = await second.until_sent(2)
    assert [one.topic for one in sent] == [STATUS, INFO]


async def test_stale_will_of_an_older_session_is_covered_by_a_new_birth() -> None:
    async with working() as (presence, _, session):
        await session.until_sent(1)
        presence.hear(delivery(STATUS, '{"session_id": "older", "state": "CONNECTION_BROKEN"}'))
        assert len(await session.until_sent(2)) == 2


async def test_own_birth_is_no_news() -> None:
    async with working() as (presence, _, session):
        [birth] = await session.until_sent(1)
        assert presence.hear(delivery(STATUS, birth.payload)) is False


async def test_foreign_session_before_the_birth_is_our_own_past() -> None:
    presence = Presence(WHO, ManualClock(), Idle)
    assert presence.hear(delivery(STATUS, '{"session_id": "older"}')) is False


async def test_foreign_session_after_a_birth_that_was_lost_is_our_own_past() -> None:
    """A node that was started anew on a bad line still hears the OFFLINE of its last life."""
    presence, sessions = Presence(WHO, ManualClock(), Idle), HandSessions()
    session = await sessions.open(HandSession(accepts=False))
    running = asyncio.create_task(presence.run(sessions))
    await session.until_sent(1)
    session.waiting[0].set_result(PublishOutcome(Outcome.LOST, reason="cut"))
    await asyncio.sleep(0)
    assert presence.hear(delivery(STATUS, '{"session_id": "older"}')) is False
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_foreign_session_after_the_birth_is_a_rival() -> None:
    async with working() as (presence, _, session):
        await session.until_sent(1)
        await asyncio.sleep(0)
        assert presence.hear(delivery(STATUS, '{"session_id": "other"}')) is True


@pytest.mark.parametrize("payload", [b"", b"{", b"[]", b"\xff", b'{"session_id": 7}'])
async def test_nonsense_on_our_topic_is_covered_and_is_no_rival(payload: bytes) -> None:
    async with working() as (presence, _, session):
        await session.until_sent(1)
        assert presence.hear(delivery(STATUS, payload)) is False
        assert len(await session.until_sent(2)) == 2


async def test_farewell_says_offline() -> None:
    async with working() as (presence, _, session):
        await session.until_sent(1)
        assert await (await presence.farewell(session)) is Outcome.ACCEPTED
        assert said(session.sent[-1])["state"] == "OFFLINE"


async def test_farewell_that_the_broker_refuses_is_not_passed_over(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with working() as (presence, _, session):
        await session.until_sent(1)
        session.refuse_topics = {STATUS}
        assert await (await presence.farewell(session)) is Outcome.REFUSED
    assert f"{STATUS} refused: Not authorized" in caplog.text


def node_info() -> NodeInfo:
    return NodeInfo(
        node_id="n1",
        software_version="0",
        schema_versions=["1.0"],
        model={},
        limits={},
        languages=[],
        tools=[],
        topics={},
        schemas={},
        error_codes=[],
    )
