"""Two nodes with one name, and a disk that is full: said aloud, and survived."""

from pathlib import Path

import pytest

from tests.fakes.mosquitto import running
from tests.fakes.waiting import until_it_is
from tests.faults.ending import end_well
from tests.faults.fleet import Fleet
from tests.faults.history import History
from tests.faults.nodes import NodeProcess

pytestmark = [pytest.mark.broker, pytest.mark.slow]


async def test_two_nodes_with_one_name_do_not_fight(tmp_path: Path) -> None:
    """F12: one of them steps back, and is not ready and says why; the other goes on."""
    history = History(tmp_path / "history.jsonl")
    folders = [tmp_path / "first", tmp_path / "second"]
    for folder in folders:
        folder.mkdir()
    with running(tmp_path) as broker:
        nodes = [NodeProcess(folder, broker.url) for folder in folders]
        async with Fleet(broker.port, history) as fleet, nodes[0], nodes[1]:
            await fleet.until_true(
                lambda: any("another client uses our id" in node.log for node in nodes)
            )
            await until_it_is(lambda: codes(nodes), [200, 503], 20)
            reasons = [(await node.readiness())[1] for node in nodes]
            assert any("another client uses our id" in reason for reason in reasons)
            fleet.task("robot", "rival-1", "one of them plans it")
            await fleet.until_planned("rival-1", deadline_s=40)
            connects = sum(node.log.count("→ mqtt connected") for node in nodes)
            assert connects <= 6
            await end_well(fleet, *nodes)


async def codes(nodes: list[NodeProcess]) -> list[int]:
    return sorted([(await node.readiness())[0] for node in nodes])


async def test_a_full_disk_holds_the_commands_back(tmp_path: Path) -> None:
    """F16: not ready, nothing acknowledged, and all is well without a restart."""
    history = History(tmp_path / "history.jsonl")
    with running(tmp_path) as broker:
        node = NodeProcess(tmp_path, broker.url)
        async with Fleet(broker.port, history) as fleet, node:
            fleet.task("robot", "before-1", "while there is room")
            await fleet.until_ended("before-1")
            with node.full_disk():
                tasks = fleet.tasks("full", 60, robots=5)
                reason = await node.until_readyz(503)
                assert ("journal" in reason, fleet.states.get("full-59")) == (True, None)
            await node.until_back(history)
            await fleet.until_planned(*tasks)
            await end_well(fleet, node, in_order=True)


async def test_a_full_disk_is_noticed_by_a_node_that_has_nothing_to_do(tmp_path: Path) -> None:
    """F16: not ready though nobody sends a task, and ready again without one."""
    history = History(tmp_path / "history.jsonl")
    with running(tmp_path) as broker:
        node = NodeProcess(tmp_path, broker.url)
        async with Fleet(broker.port, history) as fleet, node:
            with node.full_disk():
                assert "journal" in await node.until_readyz(503)
            await node.until_back(history)
            await fleet.until_planned(*fleet.tasks("after", 1))
            await end_well(fleet, node)
