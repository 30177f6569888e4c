"""The retain flag at the embedded broker: the node hears it as it was published, others do not."""

from collections.abc import AsyncIterator

import pytest

from planner_node.broker.embedded import EmbeddedBroker
from planner_node.mqtt.packets import Delivery, Publication
from tests.fakes.guest import Client, connected
from tests.mqtt.conftest import Make

NODE = "-node.1"  # an id may begin so


@pytest.fixture
async def port() -> AsyncIterator[int]:
    async with EmbeddedBroker(0, node_id=NODE) as broker:
        yield broker.port


async def heard(client: Client) -> tuple[bytes, bool]:
    one: Delivery = await client.next()
    client.connection.acknowledge(one)
    return one.payload, one.retain


async def test_node_hears_that_a_live_message_is_retained_and_a_robot_does_not(
    port: int, options: Make
) -> None:
    node = await connected(options(port, client_id=NODE), "live/a")
    robot = await connected(options(port), "live/a")
    await robot.connection.publish(Publication("live/a", b"kept", retain=True))
    await robot.connection.publish(Publication("live/a", b"fresh"))
    await robot.connection.publish(Publication("live/a", b"", retain=True))
    assert [await heard(node) for _ in range(3)] == [
        (b"kept", True),
        (b"fresh", False),
        (b"", True),
    ]
    assert [await heard(robot) for _ in range(3)] == [
        (b"kept", False),
        (b"fresh", False),
        (b"", False),
    ]
    await node.connection.close()
    await robot.connection.close()


async def test_flag_is_queued_too_while_the_node_is_away(port: int, options: Make) -> None:
    first = await connected(options(port, client_id=NODE), "away/b", "away/c")
    await first.connection.close()
    robot = await connected(options(port))
    await robot.connection.publish(Publication("away/b", b"kept", retain=True))
    await robot.connection.publish(Publication("away/c", b"fresh"))
    second = await connected(options(port, client_id=NODE))
    assert [await heard(second) for _ in range(2)] == [(b"kept", True), (b"fresh", False)]
    await second.connection.close()
    await robot.connection.close()
