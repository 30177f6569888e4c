"""F13: fifty nodes find their broker again, and not all in the same moment."""

import asyncio
import random
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from planner_node.mqtt.address import connect_options
from planner_node.mqtt.link import Link
from planner_node.mqtt.packets import Granted, Subscription
from planner_node.mqtt.reconnect import Reconnect
from planner_node.settings import MqttSettings
from tests.fakes.mosquitto import running
from tests.fakes.waiting import until

pytestmark = [pytest.mark.broker, pytest.mark.slow]

NODES = 50
TRIES_MEANWHILE = 3  # each, before the broker is there again
SPREAD_S = 5.0


@dataclass
class Node:
    """The connection of one node, with the shipped settings and chance of its own."""

    link: Link
    back_s: float | None = None

    async def note_return(self) -> None:
        await self.link.connection(after_epoch=self.link._epoch)
        self.back_s = asyncio.get_running_loop().time()


def node(url: str, number: int) -> Node:
    settings = MqttSettings(url=url)
    chance = random.Random(number)
    reconnect = Reconnect(settings.reconnect_min_s, settings.reconnect_max_s, chance.random)
    options = connect_options(settings, f"node-{number}", None)
    return Node(Link(options, lambda granted: wanted(granted, number), reconnect))


def wanted(_granted: Granted, number: int) -> Sequence[Subscription]:
    return [Subscription(f"storm/{number}")]


@pytest.mark.timeout(120)
async def test_fifty_nodes_come_back_spread_over_five_seconds(tmp_path: Path) -> None:
    with running(tmp_path) as broker:
        nodes = [node(broker.url, number) for number in range(NODES)]
        async with asyncio.TaskGroup() as group:
            for one in nodes:
                group.create_task(one.link.run())
            await until(lambda: all(one.link.state.is_ok for one in nodes), 20)
            first = [one.link._epoch for one in nodes]
            returns = [group.create_task(one.note_return()) for one in nodes]
            broker.stop(signal.SIGKILL)
            await until(lambda: tried(nodes, first), 30)
            broker.start()
            async with asyncio.timeout(30):
                await asyncio.gather(*returns)
            for one in nodes:
                await one.link.leave()
    times_s = sorted(one.back_s for one in nodes if one.back_s is not None)
    assert len(times_s) == NODES
    assert times_s[-1] - times_s[0] >= SPREAD_S


def tried(nodes: Sequence[Node], first: Sequence[int]) -> bool:
    return all(
        one.link._epoch >= epoch + TRIES_MEANWHILE for one, epoch in zip(nodes, first, strict=True)
    )
