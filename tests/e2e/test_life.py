"""How a node starts, stops, dies and comes back, with a real broker that does the same."""

import signal
import subprocess
from pathlib import Path

import pytest

from tests.fakes.mosquitto import OPEN_CONF, Mosquitto, free_port, running
from tests.faults.ending import end_well
from tests.faults.fleet import Fleet
from tests.faults.history import History
from tests.faults.nodes import NodeProcess

pytestmark = [pytest.mark.broker, pytest.mark.slow]

DURABLE_CONF = f"{OPEN_CONF}persistence true\n"
PASSWORD_CONF = "allow_anonymous false\npassword_file {file}\nset_tcp_nodelay true\n"


async def test_sigterm_ends_in_good_order(tmp_path: Path) -> None:
    """F4: with tasks in all stages; what is left is done after the next start."""
    history = History(tmp_path / "history.jsonl")
    with running(tmp_path) as broker:
        node = NodeProcess(
            tmp_path, broker.url, settings={"PLANNER__DRAIN_S": "1"}, script={"CHUNK_S": "0.05"}
        )
        async with Fleet(broker.port, history) as fleet, node:
            tasks = fleet.tasks("term", 150)
            await fleet.until_state(tasks[20], "PLANNED")
            assert await node.stop() == 0
            await fleet.until_offline()
            node.script = {}
            node.start()
            await fleet.until_planned(*tasks)
            await end_well(fleet, node)


async def test_kill_9_in_the_middle_loses_nothing(tmp_path: Path) -> None:
    history = History(tmp_path / "history.jsonl")
    with running(tmp_path) as broker:
        node = NodeProcess(tmp_path, broker.url, script={"CHUNK_S": "0.02"})
        async with Fleet(broker.port, history) as fleet, node:
            tasks = fleet.tasks("kill", 100)
            await fleet.until_true(lambda: fleet.heard["subtasks"] >= 20)
            node.kill()
            await fleet.until_true(lambda: fleet.node_states["planner-1"] == "CONNECTION_BROKEN")
            node.start()
            await fleet.until_planned(*tasks)
            await end_well(fleet, node, in_order=True)


async def test_a_broker_that_is_away_at_the_start_is_waited_for(tmp_path: Path) -> None:
    history = History(tmp_path / "history.jsonl")
    port = free_port()
    async with NodeProcess(tmp_path, f"mqtt://127.0.0.1:{port}") as node:
        reason = await node.until_readyz(503)
        assert f"mqtt://127.0.0.1:{port}" in reason
        with running(tmp_path, port=port):
            await node.until_back(history)
            async with Fleet(port, history) as fleet:
                await fleet.until_planned(*fleet.tasks("late", 5))
                await end_well(fleet, node)


async def test_a_wrong_password_is_named_and_its_correction_enough(tmp_path: Path) -> None:
    passwords = tmp_path / "passwords"
    passwords.write_text("node:right\n", encoding="utf-8")
    _hashed(passwords)
    with running(tmp_path, PASSWORD_CONF.format(file=passwords)) as broker:
        url = broker.url.replace("mqtt://", "mqtt://node@")
        wrong = NodeProcess(tmp_path, url, settings={"MQTT__PASSWORD": "wrong"})
        async with wrong:
            reason = await wrong.until_readyz(503)
            assert ("password" in reason, "wrong" in reason) == (True, False)
            assert await wrong.stop() == 0
        right = NodeProcess(tmp_path, url, settings={"MQTT__PASSWORD": "right"})
        async with right:
            await right.until_readyz(200)
            assert await right.stop() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
async def test_a_broker_that_restarts_in_the_middle_costs_nothing(
    tmp_path: Path, number: signal.Signals
) -> None:
    """F1 with a broker that keeps its queues, F2 with one that loses them: then robots repeat."""
    history = History(tmp_path / "history.jsonl")
    node_script = {"CHUNK_S": "0.02"}
    with running(tmp_path, DURABLE_CONF) as broker:
        node = NodeProcess(tmp_path, broker.url, script=node_script)
        async with Fleet(broker.port, history) as fleet, node:
            await _restarted_in_the_middle(broker, node, fleet, number)
            await end_well(fleet, node, is_complete=number is signal.SIGTERM)


async def _restarted_in_the_middle(
    broker: Mosquitto, node: NodeProcess, fleet: Fleet, number: signal.Signals
) -> None:
    tasks = fleet.tasks("again", 100)
    await fleet.until_true(lambda: fleet.heard["subtasks"] >= 10)
    fleet.history.fault(f"broker {number.name}")
    broker.stop(number)
    await node.until_readyz(503)
    broker.start()
    await node.until_back(fleet.history)
    await fleet.until_true(lambda: fleet.connects == 2)
    if number is signal.SIGKILL:
        tasks = fleet.tasks("again", 100)
    await fleet.until_planned(*tasks)


async def test_the_embedded_broker_serves_a_first_run(tmp_path: Path) -> None:
    history = History(tmp_path / "history.jsonl")
    port = free_port()
    async with NodeProcess(tmp_path, "", settings={"MQTT__PORT": str(port)}) as node:
        assert f"mqtt://127.0.0.1:{port}" in node.log
        await node.until_readyz(200)
        async with Fleet(port, history, is_v5=False) as fleet:
            await fleet.until_planned(*fleet.tasks("first", 5))
            await end_well(fleet, node)


def _hashed(passwords: Path) -> None:
    subprocess.run(["mosquitto_passwd", "-U", str(passwords)], check=True, timeout=10)
