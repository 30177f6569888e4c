"""What a network does to the line between a node and its broker: F5 to F10."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from tests.fakes.mosquitto import running
from tests.faults.checker import check
from tests.faults.fleet import Fleet
from tests.faults.history import History
from tests.faults.nodes import NodeProcess
from tests.faults.proxy import Proxy

pytestmark = [pytest.mark.broker, pytest.mark.slow]

SETTINGS = {
    "MQTT__KEEPALIVE_S": "2",
    "MQTT__CONNECT_TIMEOUT_S": "1",
    "MQTT__RECONNECT_MAX_S": "1",
    "PLANNER__DRAIN_S": "5",
}


@dataclass(frozen=True, slots=True)
class Scene:
    """A node behind a bad line, and a fleet with a good one."""

    proxy: Proxy
    node: NodeProcess
    fleet: Fleet


@asynccontextmanager
async def scene(folder: Path) -> AsyncIterator[Scene]:
    """Run everything; at the end stop the node in good order and check all invariants."""
    history = History(folder / "history.jsonl")
    with running(folder) as broker:
        async with Proxy(broker.port) as proxy, Fleet(broker.port, history) as fleet:
            node = NodeProcess(folder, proxy.url, settings=SETTINGS)
            async with node:
                await node.until_readyz(200)
                yield Scene(proxy, node, fleet)
                assert await node.stop() == 0
                await fleet.until_true(lambda: fleet.node_states["planner-1"] == "OFFLINE")
    check(history, [node])


def send(fleet: Fleet, name: str, number: int) -> list[str]:
    tasks = [f"{name}-{index}" for index in range(number)]
    for index, task_id in enumerate(tasks):
        fleet.task(f"robot-{index % 10}", task_id, f"bring book {task_id}")
    return tasks


@pytest.mark.parametrize("hole", ["is_black_hole", "is_mute"])
async def test_a_half_open_line_is_noticed_and_loses_nothing(tmp_path: Path, hole: str) -> None:
    """F5: not ready while the line is dead; ready again within 10 s of its end (I5)."""
    async with scene(tmp_path) as on:
        before = send(on.fleet, "before", 40)
        setattr(on.proxy, hole, True)
        meanwhile = send(on.fleet, "meanwhile", 20)
        await on.node.until_readyz(503)
        setattr(on.proxy, hole, False)
        await on.node.until_readyz(200, deadline_s=10)
        await on.fleet.until_ended(*before, *meanwhile)


async def test_a_broker_that_accepts_and_says_nothing_is_tried_again(tmp_path: Path) -> None:
    """F6."""
    async with scene(tmp_path) as on:
        on.proxy.is_mute = True
        on.proxy.cut()
        await on.node.until_readyz(503)
        seen = on.proxy.connections
        await on.fleet.until_true(lambda: on.proxy.connections >= seen + 2)
        on.proxy.is_mute = False
        await on.node.until_readyz(200, deadline_s=10)
        await on.fleet.until_ended(*send(on.fleet, "after", 5))


async def test_a_line_that_is_cut_again_and_again_costs_nothing(tmp_path: Path) -> None:
    """F7: no task lost, and no thread or descriptor either."""
    async with scene(tmp_path) as on:
        await on.fleet.until_ended(*send(on.fleet, "first", 5))
        threads, descriptors = on.node.threads, on.node.descriptors
        tasks = []
        for number in range(5):
            tasks += send(on.fleet, f"flap-{number}", 10)
            seen = on.proxy.connections
            on.proxy.cut()
            await on.fleet.until_true(partial(on.proxy.has_more_than, seen))
        await on.node.until_readyz(200, deadline_s=10)
        await on.fleet.until_ended(*tasks)
        assert on.node.threads <= threads + 1
        assert on.node.descriptors <= descriptors + 4


async def test_a_slow_line_delivers_whole_plans(tmp_path: Path) -> None:
    """F8: 200 ± 100 ms, 64 kbit/s."""
    async with scene(tmp_path) as on:
        on.proxy.delay_s, on.proxy.jitter_s, on.proxy.bytes_per_s = 0.2, 0.1, 8_000
        await on.fleet.until_ended(*send(on.fleet, "slow", 5), deadline_s=40)
        on.proxy.delay_s, on.proxy.jitter_s, on.proxy.bytes_per_s = 0.0, 0.0, None


async def test_packets_in_single_bytes_are_understood(tmp_path: Path) -> None:
    """F9."""
    async with scene(tmp_path) as on:
        on.proxy.piece_bytes = 1
        await on.fleet.until_ended(*send(on.fleet, "split", 10))
        on.proxy.piece_bytes = None
        assert on.proxy.connections == 1


async def test_lost_acknowledgements_make_repeats_and_nothing_else(tmp_path: Path) -> None:
    """F10: the broker's PUBACK is lost with its connection; the node says it all again."""
    async with scene(tmp_path) as on:
        on.proxy.drop_puback_every = 10
        tasks = send(on.fleet, "unheard", 20)
        await on.fleet.until_true(lambda: on.proxy.dropped_pubacks >= 2)
        on.proxy.drop_puback_every = None
        await on.fleet.until_ended(*tasks)
