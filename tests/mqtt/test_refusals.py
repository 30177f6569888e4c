"""F14: what CONNACK refuses with is said exactly, and who is to check what only where it helps."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from planner_node.mqtt.link import Link
from planner_node.mqtt.packets import EndKind, Granted, Publication, Subscription
from planner_node.mqtt.reconnect import Reconnect
from tests.fakes.guest import Client
from tests.fakes.waiting import until
from tests.fakes.wire import ACCEPTED_V5, Script, refused_v3, refused_v5, scripted
from tests.mqtt.conftest import Make

ADVICE = "; check mqtt.username and its password"


@asynccontextmanager
async def trying(link: Link) -> AsyncIterator[Link]:
    async with asyncio.TaskGroup() as group:
        group.create_task(link.run())
        yield link
        await link.leave()


def wanted(_granted: Granted) -> list[Subscription]:
    return [Subscription("in/#")]


def link_to(make: Make, port: int, pause_s: float = 0.01, **fields: object) -> Link:
    reconnect = Reconnect(pause_s, pause_s, lambda: 0.5)
    return Link(make(port, **fields), wanted, reconnect)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (0x86, f"Bad user name or password{ADVICE}"),
        (0x87, f"Not authorized{ADVICE}"),
        (0x88, "Server unavailable"),
        (0x89, "Server busy"),
        (0x8A, "Banned"),
    ],
)
async def test_refusal_is_said_as_the_broker_gave_it(options: Make, code: int, said: str) -> None:
    async with (
        scripted(Script(connack=refused_v5(code))) as broker,
        trying(link_to(options, broker.port, username="ann")) as link,
    ):
        await until(lambda: broker.connects >= 2)
        url = f"mqtt://127.0.0.1:{broker.port}"
        assert link.state.reason == f"{url} for user 'ann': the broker refused: {said}"


async def test_unsupported_version_is_said_when_both_were_tried(options: Make) -> None:
    async with (
        scripted(Script(connack=refused_v3(1))) as broker,
        trying(link_to(options, broker.port)) as link,
    ):
        await until(lambda: len(broker.levels) >= 3)
        assert broker.levels[:3] == [5, 4, 5]
        assert link.state.reason.endswith("the broker refused: Unsupported protocol version")


@pytest.mark.parametrize(("code", "reason_code"), [(2, 0x85), (3, 0x88), (4, 0x86), (5, 0x87)])
async def test_refusal_over_mqtt_3_1_1_is_told_by_the_same_codes(
    options: Make, code: int, reason_code: int
) -> None:
    async with scripted(Script(connack=refused_v3(code))) as broker:
        ending = await Client(options(broker.port), is_v5=False).connection.open()
        assert ending is not None
        assert (ending.kind, ending.reason_code) == (EndKind.REFUSED, reason_code)


@pytest.mark.parametrize("code", [0x9A, 0x9B])
async def test_broker_that_takes_not_even_a_plain_will_is_paused_for(
    options: Make, code: int
) -> None:
    """Once more at once, and then as with every refusal: that is no hot loop."""
    will = Publication("wills/x", b"gone", retain=True)
    async with (
        scripted(Script(connack=refused_v5(code))) as broker,
        trying(link_to(options, broker.port, pause_s=0.5, will=will)) as link,
    ):
        await until(lambda: "the broker refused" in link.state.reason)
        assert broker.connects == 2
        assert "password" not in link.state.reason
        broker.connack = ACCEPTED_V5
        await until(lambda: link.state.is_ok)
