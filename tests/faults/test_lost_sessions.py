"""F2 and F11: a broker that forgets everything, while commands wait for their acknowledgement."""

import signal
from pathlib import Path

import pytest

from tests.fakes.mosquitto import running
from tests.faults.ending import end_well
from tests.faults.fleet import Fleet
from tests.faults.history import History
from tests.faults.nodes import NodeProcess

pytestmark = [pytest.mark.broker, pytest.mark.slow]


async def test_a_late_acknowledgement_hits_no_message_of_the_new_session(tmp_path: Path) -> None:
    """The old ones wait for the disk; the new ones carry the same packet ids, and all end."""
    history = History(tmp_path / "history.jsonl")
    with running(tmp_path) as broker:
        node = NodeProcess(tmp_path, broker.url)
        async with Fleet(broker.port, history) as fleet, node:
            await node.until_readyz(200)
            with node.full_disk():
                old = fleet.tasks("old", 60, robots=5)
                await node.until_readyz(503)
                await fleet.until_true(lambda: set(old) <= fleet.acked)
                broker.stop(signal.SIGKILL)
                history.fault("the broker forgets all sessions")
                broker.start()
                await fleet.until_true(lambda: broker.log.count("as planner-1 (") == 2)
                new = fleet.tasks("new", 60, robots=5)
            await node.until_back(history)
            await fleet.until_ended(*new)
            again = fleet.tasks("old", 60, robots=5)  # a robot that hears nothing asks again
            await fleet.until_ended(*again)
            await end_well(fleet, node, is_complete=False)
    assert {fleet.states[task_id] for task_id in (*old, *new)} == {"PLANNED"}
