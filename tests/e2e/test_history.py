"""History: kept for the configured time and number, then gone together with its retained words."""

from pathlib import Path

import httpx
import pytest

from tests.fakes.mosquitto import running
from tests.faults.ending import end_well
from tests.faults.fleet import Fleet
from tests.faults.history import History
from tests.faults.nodes import NodeProcess, set_clock

pytestmark = [pytest.mark.broker, pytest.mark.slow]

KEPT = 10
DAY_AND_HOUR_S = 25 * 3_600


async def retained(port: int, folder: Path, ours: set[str], kept: set[str]) -> set[str]:
    """Return which of our tasks a newcomer hears of, once it has heard of all that are kept."""
    async with Fleet(port, History(folder / "newcomer.jsonl"), client_id="newcomer") as newcomer:

        def heard() -> set[str]:
            lines = newcomer.history.of("received")
            return {line.fields["topic"].split("/")[1] for line in lines} & ours

        # a broker tells what it retains in no order that one may count on
        await newcomer.until_true(lambda: newcomer.node_states and heard() >= kept)
        return heard()


async def status_of(node: NodeProcess, task_id: str) -> int:
    async with httpx.AsyncClient(base_url=node.http, timeout=10) as client:
        return (await client.get(f"/tasks/{task_id}")).status_code


async def test_the_oldest_tasks_above_the_number_are_forgotten_everywhere(tmp_path: Path) -> None:
    history = History(tmp_path / "history.jsonl")
    with running(tmp_path) as broker:
        node = NodeProcess(tmp_path, broker.url, settings={"JOURNAL__HISTORY_MAX_TASKS": str(KEPT)})
        async with Fleet(broker.port, history) as fleet, node:
            tasks = fleet.tasks("kept", 25, robots=1)
            await fleet.until_ended(*tasks)
            assert await node.stop() == 0
            node.start()
            await node.until_ready()  # it looks through its history at the start, and now and then
            await node.until_readyz(200)
            gone, kept = tasks[:-KEPT], tasks[-KEPT:]
            await fleet.until_true(lambda: cleared(history) == set(gone))
            assert await retained(broker.port, tmp_path, set(tasks), set(kept)) == set(kept)
            assert [await status_of(node, one) for one in (gone[0], kept[0])] == [404, 200]
            fleet.versions.pop(gone[0])
            fleet.states.pop(gone[0])
            fleet.task("robot", gone[0], "an old id, and another task")
            await fleet.until_planned(gone[0])
            await end_well(fleet, node)


async def test_what_is_older_than_a_day_is_forgotten_everywhere(tmp_path: Path) -> None:
    history, clock = History(tmp_path / "history.jsonl"), tmp_path / "clock"
    set_clock(clock, 0)
    with running(tmp_path) as broker:
        node = NodeProcess(tmp_path, broker.url, script={"CLOCK": str(clock)})
        async with Fleet(broker.port, history) as fleet, node:
            tasks = fleet.tasks("old", 5, robots=1)
            await fleet.until_ended(*tasks)
            assert await node.stop() == 0
            set_clock(clock, DAY_AND_HOUR_S)
            node.start()
            await fleet.until_true(lambda: cleared(history) == set(tasks))
            await node.until_readyz(200)
            assert await status_of(node, tasks[0]) == 404
            await end_well(fleet, node)


def cleared(history: History) -> set[str]:
    """Return the tasks whose retained status was taken away."""
    return {
        line.fields["topic"].split("/")[1]
        for line in history.of("received")
        if line.fields["topic"].startswith("tasks/") and not line.fields["payload"]
    }
