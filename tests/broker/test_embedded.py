"""The broker that the house brings along: up quickly, on loopback only, gone with its parent."""

import asyncio
import signal
import socket
import subprocess
import sys
from contextlib import suppress

import pytest

from planner_node.broker.embedded import EmbeddedBroker
from planner_node.errors import BrokerRefused
from tests.fakes.mosquitto import free_port
from tests.fakes.waiting import until

PARENT = """
import asyncio
from planner_node.broker.embedded import EmbeddedBroker
async def main():
    async with EmbeddedBroker(0) as broker:
        print(broker.port, flush=True)
        await asyncio.sleep(3600)
asyncio.run(main())
"""


def listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def answer_to_mqtt_5(port: int) -> bytes:
    connect = b"\x10\x10\x00\x04MQTT\x05\x02\x00\x0f\x00\x00\x03abc"
    with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
        client.sendall(connect)
        return client.recv(4)


async def test_broker_listens_at_its_url_until_the_block_ends() -> None:
    async with EmbeddedBroker(0) as broker:
        assert broker.url == f"mqtt://127.0.0.1:{broker.port}"
        assert listens(broker.port)
    assert not listens(broker.port)


async def test_broker_takes_the_port_that_is_asked_for() -> None:
    port = free_port()
    async with EmbeddedBroker(port) as broker:
        assert broker.port == port
        assert listens(port)


async def test_port_in_use_says_what_to_do() -> None:
    async with EmbeddedBroker(0) as first:
        with pytest.raises(
            BrokerRefused, match=r"PLANNER__MQTT__URL=mqtt://127\.0\.0\.1"
        ) as refusal:
            await EmbeddedBroker(first.port).__aenter__()
    assert str(first.port) in str(refusal.value)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org", ""])  # noqa: S104  refused
async def test_anything_but_loopback_is_refused(host: str) -> None:
    with pytest.raises(BrokerRefused, match="loopback only"):
        await EmbeddedBroker(0, host).__aenter__()


async def test_end_of_the_process_is_heard() -> None:
    async with EmbeddedBroker(0) as broker:
        assert broker._process is not None
        broker._process.send_signal(signal.SIGKILL)
        async with asyncio.timeout(5):
            assert await broker.ended() == -signal.SIGKILL


async def test_orderly_stop_is_a_clean_exit() -> None:
    async with EmbeddedBroker(0) as broker:
        process = broker._process
    assert process is not None
    assert process.returncode == 0


async def test_broker_serves_on_when_the_whole_group_is_asked_to_stop() -> None:
    async with EmbeddedBroker(0) as broker:
        process = broker._process
        assert process is not None
        process.send_signal(signal.SIGTERM)
        for _ in range(3):  # with the first answer it has heard the signal
            assert await asyncio.to_thread(answer_to_mqtt_5, broker.port) == b"\x20\x02\x00\x01"
    assert process.returncode == 0


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
async def test_broker_goes_when_its_parent_dies(number: signal.Signals) -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, stdout=subprocess.PIPE
    )
    assert parent.stdout is not None
    port = int(await parent.stdout.readline())
    assert listens(port)
    parent.send_signal(number)
    await parent.wait()
    await until(lambda: not listens(port))


def test_broker_needs_no_model_to_start() -> None:
    code = (
        "import sys, planner_node.broker.__main__ as m;"
        "print([n for n in ('torch', 'transformers', 'paho.mqtt.client') if n in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=30)
    assert run.stdout.strip() == b"[]"
