"""One broker and one node for all tests of a file that leave them whole."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fakes.mosquitto import Mosquitto, running
from tests.faults.fleet import Fleet
from tests.faults.history import History
from tests.faults.nodes import NodeProcess


@dataclass(frozen=True, slots=True)
class House:
    """A running broker and a ready node."""

    broker: Mosquitto
    node: NodeProcess


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Run both; at the end the node must stop in good order."""
    folder = tmp_path_factory.mktemp("house")
    with running(folder) as broker:
        node = NodeProcess(folder, broker.url, settings={"PLANNER__DRAIN_S": "1"})
        node.start()
        try:
            asyncio.run(node.until_ready())
            yield House(broker, node)
            code = asyncio.run(node.stop())
        finally:
            node.kill()
    assert code == 0, node.log[-3_000:]


@pytest.fixture
async def fleet(house: House, tmp_path: Path) -> AsyncIterator[Fleet]:
    """A fleet of its own for each test."""
    history = History(tmp_path / "history.jsonl")
    async with Fleet(house.broker.port, history, client_id=tmp_path.name) as fleet:
        yield fleet
