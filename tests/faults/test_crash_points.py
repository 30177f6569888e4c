"""F3: the node is killed at every named point of a task's way, and started again."""

from pathlib import Path

import pytest

from tests.fakes.mosquitto import running
from tests.faults.ending import end_well
from tests.faults.fleet import Fleet
from tests.faults.history import History
from tests.faults.nodes import NodeProcess

pytestmark = [pytest.mark.broker, pytest.mark.slow]


@pytest.mark.parametrize(
    "point",
    [
        "before_journal:3",
        "after_journal:3",
        "after_ack:3",
        "mid_plan:20",
        "after_plan:2",
        "mid_publish:25",
        "before_sweep:3",
        "after_sweep:3",
    ],
)
async def test_killed_at_a_named_point_nothing_is_lost(tmp_path: Path, point: str) -> None:
    history = History(tmp_path / "history.jsonl")
    with running(tmp_path) as broker:
        node = NodeProcess(tmp_path, broker.url, script={"CRASH": point})
        async with Fleet(broker.port, history) as fleet, node:
            tasks = fleet.tasks("crash", 30, robots=5)
            assert await node.stopped() == -9
            history.fault(point)
            node.script = {}
            node.start()
            await fleet.until_ended(*tasks)
            await end_well(fleet, node, in_order=True)
