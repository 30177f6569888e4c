"""What comes in at the embedded broker's socket, before amqtt sees it."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from planner_node.broker.embedded import EmbeddedBroker
from planner_node.broker.serving import protocol_level
from tests.faults.raw_bytes import CONNECT

CONNECT_5 = b"\x10\x0f\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x02ab"


@pytest.fixture
async def port() -> AsyncIterator[int]:
    async with EmbeddedBroker(0) as broker:
        yield broker.port


async def answer(port: int, *parts: bytes) -> bytes:
    """Send bytes and return the first answer; nothing when the broker hangs up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(5):
            for part in parts:
                writer.write(part)
                await writer.drain()
            return await reader.read(64)
    except ConnectionError:
        return b""
    finally:
        writer.close()


@pytest.mark.parametrize(
    ("first", "level"),
    [
        (CONNECT, 4),
        (CONNECT_5, 5),
        (b"\x10\x80\x01\x00\x04MQTT\x04\x02\x00\x00", 4),
        (b"\x10\x80\x80\x80\x01\x00\x04MQTT\x05", 5),
        (b"\x10\x0c\x00\x06MQIsdp\x03\x02", None),
        (b"\x30\x0e\x00\x04MQTT\x04\x02\x00\x3c\x00", None),
        (b"\x10\x0e\x00", None),
        (b"\xff" * 12, None),
        (b"\x10" + b"\xff" * 20, None),
        (b"GET / HTTP/1.1\r\n", None),
        (b"", None),
    ],
)
def test_level_is_read_behind_a_length_of_any_size(first: bytes, level: int | None) -> None:
    assert protocol_level(first) == level


async def test_mqtt_3_1_1_is_let_in(port: int) -> None:
    assert await answer(port, CONNECT) == b"\x20\x02\x00\x00"


async def test_connect_in_small_pieces_is_let_in(port: int) -> None:
    assert await answer(port, *(bytes([byte]) for byte in CONNECT)) == b"\x20\x02\x00\x00"


async def test_mqtt_5_is_refused_at_once_so_that_clients_fall_back(port: int) -> None:
    assert await answer(port, CONNECT_5) == b"\x20\x02\x00\x01"


@pytest.mark.parametrize(
    "rubbish",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\xff" * 64,
        CONNECT[:1] + b"\xff\xff\xff\x7f" + CONNECT[2:],
        CONNECT[:1] + b"\x02" + CONNECT[2:],
    ],
    ids=["HTTP", "TLS", "ones", "256 MiB", "no length"],
)
async def test_rubbish_is_hung_up_on_and_others_are_served(port: int, rubbish: bytes) -> None:
    assert await answer(port, rubbish.ljust(12, b"\0")) == b""
    assert await answer(port, CONNECT) == b"\x20\x02\x00\x00"
