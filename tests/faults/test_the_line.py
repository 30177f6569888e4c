"""What a network and a broker do to the line between them and a node: F5 to F10, F15."""

import json
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from tests.fakes.mosquitto import running
from tests.faults.ending import end_well
from tests.faults.fleet import Fleet
from tests.faults.history import History
from tests.faults.nodes import NodeProcess
from tests.faults.packets import BANNED, NOT_AUTHORIZED, SERVER_BUSY, Meddler
from tests.faults.proxy import Proxy

pytestmark = [pytest.mark.broker, pytest.mark.slow]

FLAPS = 20
FIVE_MINUTES_S = 300
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
    meddler: Meddler


@asynccontextmanager
async def scene(folder: Path) -> AsyncIterator[Scene]:
    """Run everything; at the end stop the node in good order and check all invariants."""
    history, meddler = History(folder / "history.jsonl"), Meddler()
    with running(folder) as broker:
        async with Proxy(broker.port, meddler) as proxy, Fleet(broker.port, history) as fleet:
            node = NodeProcess(folder, proxy.url, settings=SETTINGS)
            async with node:
                await node.until_readyz(200)
                yield Scene(proxy, node, fleet, meddler)
                await end_well(fleet, node)


def repeats(history: History) -> Counter[tuple[str, int]]:
    """Count how often each status of each task was heard."""
    statuses = [
        json.loads(line.fields["payload"])
        for line in history.of("received")
        if line.fields["topic"].startswith("robots/") and line.fields["topic"].endswith("/status")
    ]
    return Counter((status["task_id"], status["status_version"]) for status in statuses)


@pytest.mark.parametrize("hole", ["is_black_hole", "is_mute"])
async def test_a_half_open_line_is_noticed_and_loses_nothing(tmp_path: Path, hole: str) -> None:
    """F5: not ready while the line is dead; ready again within 10 s of its end (I5)."""
    async with scene(tmp_path) as on:
        before = on.fleet.tasks("before", 40)
        setattr(on.proxy, hole, True)
        meanwhile = on.fleet.tasks("meanwhile", 20)
        await on.node.until_readyz(503)
        setattr(on.proxy, hole, False)
        await on.node.until_back(on.fleet.history)
        await on.fleet.until_ended(*before, *meanwhile)


async def test_a_broker_that_accepts_and_says_nothing_is_tried_again(
    tmp_path: Path, *, are_faults_long: bool
) -> None:
    """F6."""
    mute_s = FIVE_MINUTES_S if are_faults_long else 0
    async with scene(tmp_path) as on:
        on.proxy.is_mute = True
        on.proxy.cut()
        await on.node.until_readyz(503)
        seen, until_s = on.proxy.connections, time.monotonic() + mute_s
        await on.fleet.until_true(
            lambda: on.proxy.connections >= seen + 2 and time.monotonic() >= until_s,
            mute_s + 20,
        )
        on.proxy.is_mute = False
        await on.node.until_back(on.fleet.history)
        await on.fleet.until_planned(*on.fleet.tasks("after", 5))


async def test_a_line_that_is_cut_again_and_again_costs_nothing(tmp_path: Path) -> None:
    """F7: no task lost, and no thread or descriptor either."""
    async with scene(tmp_path) as on:
        await on.fleet.until_ended(*on.fleet.tasks("first", 5))
        threads, descriptors = on.node.threads, on.node.descriptors
        tasks = []
        for number in range(FLAPS):
            tasks += on.fleet.tasks(f"flap-{number}", 5)
            seen = on.proxy.connections
            on.proxy.cut()
            await on.fleet.until_true(partial(on.proxy.has_more_than, seen))
        await on.node.until_back(on.fleet.history)
        await on.fleet.until_ended(*tasks)
        assert max(repeats(on.fleet.history).values()) <= 1 + FLAPS
        assert on.node.threads <= threads + 1
        assert on.node.descriptors <= descriptors + 4


async def test_a_slow_line_delivers_whole_plans(tmp_path: Path) -> None:
    """F8: 200 ± 100 ms, 64 kbit/s, and a keep-alive of 2 s that holds."""
    async with scene(tmp_path) as on:
        on.proxy.delay_s, on.proxy.jitter_s, on.proxy.bytes_per_s = 0.2, 0.1, 8_000
        await on.fleet.until_planned(*on.fleet.tasks("slow", 5), deadline_s=40)
        on.proxy.mend()
        await on.node.until_back(on.fleet.history)
        assert on.proxy.connections == 1


async def test_a_mended_line_owes_nothing_for_what_it_has_taken(tmp_path: Path) -> None:
    """Of the line between us, not of the node: what it still held back came after the stop."""
    async with scene(tmp_path) as on:
        on.proxy.bytes_per_s = 300
        [task] = on.fleet.tasks("held-up", 1)
        await on.fleet.until_state(task, "QUEUED", "PLANNING", "PLANNED")
        on.proxy.mend()


async def test_packets_in_single_bytes_are_understood(tmp_path: Path) -> None:
    """F9."""
    async with scene(tmp_path) as on:
        on.proxy.piece_bytes = 1
        await on.fleet.until_ended(*on.fleet.tasks("split", 10))
        on.proxy.piece_bytes = None
        assert on.proxy.connections == 1


async def test_lost_acknowledgements_make_repeats_and_nothing_else(tmp_path: Path) -> None:
    """F10: the broker's PUBACK is lost with its connection; the node says it all again."""
    async with scene(tmp_path) as on:
        on.proxy.drop_puback_every = 10
        tasks = on.fleet.tasks("unheard", 20)
        await on.fleet.until_true(lambda: on.proxy.dropped_pubacks >= 2)
        on.proxy.drop_puback_every = None
        await on.node.until_back(on.fleet.history)
        await on.fleet.until_planned(*tasks)


async def test_a_puback_that_comes_twice_means_nothing_more(tmp_path: Path) -> None:
    async with scene(tmp_path) as on:
        on.meddler.doubles_every = 2
        await on.fleet.until_ended(*on.fleet.tasks("twice", 20))
        assert on.meddler.doubled > 20
        assert on.proxy.connections == 1


async def test_a_line_that_ends_in_the_middle_of_a_packet_loses_nothing(tmp_path: Path) -> None:
    """Cut after N bytes, at the CONNECT, at the SUBSCRIBE and in the middle of a plan."""
    async with scene(tmp_path) as on:
        tasks = []
        for cut_after_bytes in (0, 1, 40, 400, 700, 5_000, 12_345):
            seen = on.proxy.connections
            on.proxy.cut_after_bytes = cut_after_bytes
            on.proxy.cut()
            tasks += on.fleet.tasks(f"cut-{cut_after_bytes}", 5)
            await on.fleet.until_true(partial(on.proxy.has_more_than, seen + 1))
        on.proxy.cut_after_bytes = None
        await on.node.until_back(on.fleet.history)
        await on.fleet.until_ended(*tasks)
        seen = on.proxy.connections
        on.proxy.cut()
        await on.fleet.until_true(partial(on.proxy.has_more_than, seen))
        await on.node.until_back(on.fleet.history)
        assert "version=5" in on.node.log.rsplit("mqtt connected", 1)[1]


async def test_what_the_broker_refuses_of_one_robot_harms_no_other(tmp_path: Path) -> None:
    """F15: counted, reported, off the list; and a robot that nobody hears is counted apart."""
    codes = {"victim-1": 0x87, "victim-2": 0x97, "victim-3": 0x99, "deaf": 0x10}
    async with scene(tmp_path) as on:
        on.meddler.puback_code = lambda topic: sum(codes[one] for one in codes if one in topic)
        for robot in codes:
            on.fleet.task(robot, f"of-{robot}", f"bring book {robot}")
        await on.fleet.until_ended(*on.fleet.tasks("healthy", 20), *(f"of-{one}" for one in codes))
        refused = {"victim-1", "victim-2", "victim-3"}
        await on.fleet.until_true(lambda: refused <= reported(on.fleet))
        assert "deaf" not in reported(on.fleet)
        assert await on.node.metric("planner_mqtt_publish_failures_total") >= len(refused)
        assert await on.node.metric("planner_mqtt_unheard_total") >= 3
        assert "nobody hears robot=deaf" in on.node.log
        await on.node.until_readyz(200)


def reported(fleet: Fleet) -> set[str]:
    """Return the robots that the errors topic was told of."""
    topics = [
        reference["value"]
        for problem in fleet.problems
        for reference in problem["references"]
        if reference["key"] == "topic"
    ]
    return {topic.split("/")[3] for topic in topics}


async def test_a_refused_subscription_is_not_ready_until_it_is_granted(tmp_path: Path) -> None:
    """F15: the node says which filter, and finds by itself that it is granted (I5)."""
    async with scene(tmp_path) as on:
        on.meddler.suback_code = NOT_AUTHORIZED
        on.proxy.cut()
        reason = await on.node.until_said("refuses us")
        assert ("robots/+/task" in reason, "0x87" in reason) == (True, True)
        seen, on.meddler.suback_code = on.proxy.connections, None
        await on.node.until_back(on.fleet.history)
        assert on.proxy.connections == seen
        await on.fleet.until_ended(*on.fleet.tasks("granted", 5))


@pytest.mark.parametrize(("code", "said"), [(BANNED, "Banned"), (SERVER_BUSY, "Server busy")])
async def test_a_connack_that_refuses_is_named_and_its_end_is_found(
    tmp_path: Path, code: int, said: str
) -> None:
    """F14."""
    async with scene(tmp_path) as on:
        on.meddler.connack_code = code
        on.proxy.cut()
        await on.node.until_said(f"the broker refused: {said}")
        assert "password" not in await on.node.until_readyz(503)
        on.meddler.connack_code = None
        await on.node.until_back(on.fleet.history)
        await on.fleet.until_ended(*on.fleet.tasks("let-in", 5))


async def test_a_node_that_says_ready_hears_what_is_sent_at_once(tmp_path: Path) -> None:
    with running(tmp_path) as broker:
        async with (
            Proxy(broker.port) as proxy,
            Fleet(broker.port, History(tmp_path / "h")) as fleet,
        ):
            proxy.delay_s = 0.3  # the model is there long before the first SUBACK
            async with NodeProcess(tmp_path, proxy.url, settings=SETTINGS) as node:
                proxy.mend()
                await fleet.until_planned(*fleet.tasks("first", 1))
                await end_well(fleet, node)
