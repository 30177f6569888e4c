"""B12 to B14 at a whole node with each broker, and B3: noise, wildcards, dawdlers, floods."""

import asyncio
import contextlib
import json
import random
import subprocess
from pathlib import Path

import httpx
import pytest

from planner_node.mqtt.address import connect_options
from planner_node.mqtt.packets import Subscription
from planner_node.settings import MqttSettings
from tests.fakes.encoding import length_bytes, text_bytes
from tests.fakes.guest import connected
from tests.fakes.waiting import until_it_is
from tests.faults.either_broker import node_at
from tests.faults.nodes import NodeProcess
from tests.faults.raw_bytes import CONNECT, RAW, conversations, say

pytestmark = [pytest.mark.broker, pytest.mark.slow]

FUZZED_PACKETS = 3_000
DAWDLERS = 500
HUNG_UP_WITHIN_S = 15.0  # the doors wait for 8 s
MEBIBYTE = 2**20
LARGEST_PACKET_BYTES = 2**28 - 1  # that MQTT can announce


async def plan_one(node: NodeProcess, port: int, task_id: str) -> None:
    """A good task over MQTT still becomes a plan."""
    task = json.dumps({"task_id": task_id, "instruction": f"bring book {task_id}"})
    arguments = ["-p", str(port), "-t", "planner/v1/robots/calm/task", "-q", "1", "-m", task]
    await asyncio.to_thread(subprocess.run, ["mosquitto_pub", *arguments], check=True, timeout=20)
    async with httpx.AsyncClient(base_url=node.http, timeout=10) as client:

        async def state() -> object:
            answer = await client.get(f"/tasks/{task_id}")
            return answer.json().get("status")

        await until_it_is(state, "PLANNED", 20)


@pytest.mark.parametrize("broker", ["mosquitto", "embedded"])
async def test_noise_at_the_broker_moves_nobody(tmp_path: Path, broker: str) -> None:
    """B12."""
    async with node_at(broker, tmp_path) as (node, port):
        for noise in RAW.values():
            await say(port, noise)
        for words in conversations(random.Random(1), FUZZED_PACKETS):
            await say(port, words, patience_s=0.01)
        await plan_one(node, port, "after-the-noise")


async def test_ten_thousand_wild_subscriptions_do_not_stop_the_embedded_broker(
    tmp_path: Path,
) -> None:
    """B13: it walks the levels of a topic, however many filters do not match."""
    async with node_at("embedded", tmp_path) as (node, port):
        settings = MqttSettings(url=f"mqtt://127.0.0.1:{port}")
        guest = await connected(connect_options(settings, "wild", None))
        filters = [f"{'+/' * (1 + n % 90)}x{n}/{'+/' * (n % 7)}#" for n in range(10_000)]
        for place in range(0, len(filters), 500):
            wanted = [Subscription(one) for one in filters[place : place + 500]]
            assert len(await guest.connection.subscribe(wanted)) == len(wanted)
        await plan_one(node, port, "among-the-wild")
        await guest.connection.close()


async def test_dawdlers_at_both_doors_are_hung_up_on_and_others_are_served(
    tmp_path: Path,
) -> None:
    """B14: five hundred connections at each door, none of which ever finishes its sentence."""
    async with node_at("embedded", tmp_path) as (node, port):
        http_port = int(node.http.rsplit(":", 1)[1])
        async with asyncio.timeout(2 * HUNG_UP_WITHIN_S), asyncio.TaskGroup() as group:
            for _ in range(DAWDLERS):
                group.create_task(dawdle(http_port, b"POST /tasks HTTP/1.1\r\nHost: a\r\n"))
                group.create_task(dawdle(port, CONNECT[:1] + b"\x7f" + CONNECT[2:]))
            await plan_one(node, port, "in-between")


async def dawdle(port: int, begun: bytes) -> None:
    """Say a byte now and then until the other side hangs up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    with contextlib.suppress(ConnectionError):
        async with asyncio.timeout(HUNG_UP_WITHIN_S):
            writer.write(begun[:-2])
            while not reader.at_eof():
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(1):
                        await reader.read(64)
                writer.write(b"x")
                await writer.drain()
    writer.transport.abort()


@pytest.mark.parametrize("broker", ["mosquitto", "embedded"])
async def test_a_flood_in_one_message_is_not_held_in_memory(tmp_path: Path, broker: str) -> None:
    """B3: more than the node takes is refused with a word, or never reaches it."""
    async with node_at(broker, tmp_path) as (node, port):
        await plan_one(node, port, "before-the-flood")
        before_bytes = node.rss_bytes
        sizes = (2**16 + 1, 2**18, MEBIBYTE, 10 * MEBIBYTE, LARGEST_PACKET_BYTES - 64)
        for size_bytes in sizes:
            await flood(port, size_bytes)
        await plan_one(node, port, "after-the-flood")
        assert node.rss_bytes - before_bytes < 50 * MEBIBYTE
        assert node.log.count("refused PAYLOAD_TOO_LARGE") == 3


async def flood(port: int, size_bytes: int) -> None:
    """Publish one message of QoS 1 and wait for its PUBACK, or for the broker to hang up."""
    head = text_bytes("planner/v1/robots/flood/task") + b"\x00\x07"
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
        async with asyncio.timeout(60):
            writer.write(CONNECT.replace(b"ab", b"fl"))
            await reader.readexactly(4)
            writer.write(b"\x32" + length_bytes(len(head) + size_bytes) + head)
            for place in range(0, size_bytes, MEBIBYTE):
                writer.write(b"x" * min(MEBIBYTE, size_bytes - place))
                await writer.drain()
            await reader.readexactly(4)
    writer.transport.abort()
