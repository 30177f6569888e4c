"""A process that has more files and sockets open than ``select`` can count."""

import os
import resource
import select
from collections.abc import Iterator

import pytest

from planner_node.mqtt import lean_paho
from planner_node.mqtt.packets import Outcome, Publication
from tests.fakes.guest import connected
from tests.fakes.wire import Script, scripted
from tests.mqtt.conftest import Make

MANY = 1_100  # select ends at 1,023


@pytest.fixture
def many_open() -> Iterator[None]:
    """Take the low descriptors, as so many HTTP clients would."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 2 * MANY), hard))
    held = [os.open(os.devnull, os.O_RDONLY) for _ in range(MANY)]
    yield
    for descriptor in held:
        os.close(descriptor)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def talks(options: Make) -> bool:
    async with scripted(Script()) as broker:
        client = await connected(options(broker.port), "a")
        outcome = await client.connection.publish(Publication("b", b"x"))
        broker.publish("a", b"y", mid=1)
        heard = await client.next()
        await client.connection.close()
    return (outcome.outcome, heard.payload) == (Outcome.ACCEPTED, b"y")


@pytest.mark.usefixtures("many_open")
async def test_connection_does_not_care_how_many_are_open(options: Make) -> None:
    assert await talks(options)


async def test_where_there_is_no_poll_select_does(
    options: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lean_paho, "_HAS_POLL", False)
    monkeypatch.delattr(select, "poll")
    assert await talks(options)
