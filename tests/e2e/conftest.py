"""One broker and one node for all tests of a file that leave them whole."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fakes.mosquitto import free_port, running
from tests.faults.checker import check
from tests.faults.ending import end_well
from tests.faults.fleet import Fleet
from tests.faults.history import History
from tests.faults.newcomer import look
from tests.faults.nodes import NodeProcess

AT_EITHER_BROKER = pytest.mark.parametrize("house", ["mosquitto", "embedded"], indirect=True)


@dataclass(frozen=True, slots=True)
class House:
    """A ready node, and its broker's port."""

    node: NodeProcess
    port: int

    def fleet(self, history: History, client_id: str) -> Fleet:
        """Return a fleet that speaks as its broker does."""
        return Fleet(self.port, history, client_id, is_v5=not self.node.brings_broker)


@pytest.fixture(scope="module", params=["mosquitto"])
def house(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[House]:
    """Run both; at the end the node stops in good order, and its journal and model are asked."""
    folder, port = tmp_path_factory.mktemp("house"), free_port()
    url = "" if request.param == "embedded" else f"mqtt://127.0.0.1:{port}"
    settings = {"PLANNER__DRAIN_S": "1", "MQTT__PORT": str(port)}
    with contextlib.ExitStack() as stack:
        if url:
            stack.enter_context(running(folder, port=port))
        node = NodeProcess(folder, url, settings=settings)
        stack.callback(node.kill)
        node.start()
        asyncio.run(_until_ready(node))
        house = House(node, port)
        yield house
        asyncio.run(_end(house, folder))


async def _until_ready(node: NodeProcess) -> None:
    await node.until_ready()
    await node.until_readyz(200)


async def _end(house: House, folder: Path) -> None:
    """The tasks were checked test by test; the rest is checked here."""
    async with house.fleet(History(folder / "history.jsonl"), "the-last") as fleet:
        await end_well(fleet, house.node)


@pytest.fixture
async def fleet(house: House, tmp_path: Path) -> AsyncIterator[Fleet]:
    """A fleet of its own for each test; what it heard is checked when all of it has ended."""
    async with house.fleet(History(tmp_path / "history.jsonl"), tmp_path.name) as fleet:
        yield fleet
        await fleet.until_all_ended()
        await look(fleet)
    check(fleet.history)
