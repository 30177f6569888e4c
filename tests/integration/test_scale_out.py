"""Node processes share a fleet, by partition and by $share; one is killed, one more joins.

F23 of the list of faults is the second one.
"""

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from planner_node.mqtt.partition import owner_of
from tests.fakes.mosquitto import running
from tests.fakes.postgresql import Cluster
from tests.fakes.postgresql import running as running_postgresql
from tests.fakes.waiting import until
from tests.faults.ending import end_well
from tests.faults.fleet import Fleet
from tests.faults.history import History
from tests.faults.nodes import NodeProcess

pytestmark = [pytest.mark.broker, pytest.mark.slow]
INSTRUCTION = "請執行任務 {}。"
SLOWLY = {"CHUNK_S": "0.02"}  # a plan takes a quarter of a second: a kill finds some half done
LEASE = {"JOURNAL__LEASE_S": "3", "JOURNAL__HEARTBEAT_S": "1"}


@pytest.fixture
def broker_port(tmp_path: Path) -> Iterator[int]:
    with running(tmp_path) as broker:
        yield broker.port


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with running_postgresql() as cluster:
        yield cluster


def part(folder: Path, port: int, index: int) -> NodeProcess:
    return node(folder, port, f"part-{index}", counting(index, 2))


def counting(index: int, count: int) -> dict[str, str]:
    return {"MQTT__PARTITION_INDEX": str(index), "MQTT__PARTITION_COUNT": str(count)}


def sharers(folder: Path, port: int, database: str) -> list[NodeProcess]:
    shared = {"MQTT__SHARED_GROUP": "planners", "JOURNAL__URL": database}
    names = ("share-0", "share-1")
    return [node(folder, port, name, {**shared, **LEASE}) for name in names]


def node(folder: Path, port: int, name: str, settings: dict[str, str]) -> NodeProcess:
    url = f"mqtt://127.0.0.1:{port}"
    return NodeProcess(folder, url, node_id=name, settings=settings, script=SLOWLY)


def generations(*nodes: NodeProcess) -> Counter[str]:
    """Count how often each instruction came to a model, at whichever node."""
    return Counter(run["said"] for node in nodes for run in node.generations())


@asynccontextmanager
async def fleet_of(folder: Path, port: int, *nodes: NodeProcess) -> AsyncIterator[Fleet]:
    """Run a fleet, and nodes that become ready one after the other."""
    async with AsyncExitStack() as stack:
        history = History(folder / "history.jsonl")
        fleet = await stack.enter_async_context(Fleet(port, history))
        for node in nodes:
            await stack.enter_async_context(node)
        yield fleet


def send(fleet: Fleet, prefix: str, number: int) -> list[str]:
    """Send one task of each of so many robots; return the ids."""
    return fleet.tasks(prefix, number, robots=number, instruction=INSTRUCTION)


def has_left(folder: Path, client: str, task_ids: list[str]) -> bool:
    """Tell whether a client had every task, and has acknowledged all that the broker sent it."""
    log = (folder / "mosquitto.log").read_text(encoding="utf-8")
    sent = [line for line in log.splitlines() if f"Sending PUBLISH to {client} (" in line]
    tasks = sum("/task'" in line for line in sent)
    return tasks >= len(task_ids) and log.count(f"Received PUBACK from {client} ") >= len(sent)


def instruction(task_id: str) -> str:
    return INSTRUCTION.format(task_id)


@pytest.mark.timeout(120)
async def test_a_part_that_is_killed_loses_nothing_and_nobody_else_plans_its_robots(
    tmp_path: Path, broker_port: int
) -> None:
    nodes = [part(tmp_path, broker_port, index) for index in range(2)]
    async with fleet_of(tmp_path, broker_port, *nodes) as fleet:
        before = send(fleet, "before", 30)
        await until(lambda: any(fleet.states.get(one) == "PLANNING" for one in before))
        fleet.history.fault("kill part-0")
        nodes[0].kill()
        meanwhile = send(fleet, "meanwhile", 30)
        theirs = [one for n, one in enumerate(meanwhile) if owner_of(f"robot-{n}", 2) == 1]
        await fleet.until_ended(*theirs)
        ours = set(meanwhile) - set(theirs)
        assert ours.isdisjoint(fleet.states)
        nodes[0].start()
        await nodes[0].until_ready()
        await nodes[0].until_back(fleet.history)
        await fleet.until_planned(*before, *meanwhile)
        await end_well(fleet, *nodes)
    assert generations(nodes[0]).keys().isdisjoint(generations(nodes[1]))


@pytest.mark.timeout(180)
async def test_all_restarted_with_another_count_lose_nothing_and_plan_nothing_twice(
    tmp_path: Path, broker_port: int
) -> None:
    # the third with the old count: it takes no robots
    nodes = [part(tmp_path, broker_port, index) for index in range(3)]
    async with fleet_of(tmp_path, broker_port, *nodes) as fleet:
        await nodes[2].until_readyz(200)  # the broker has a session for it
        before = send(fleet, "before", 30)
        await until(lambda: set(before) <= fleet.states.keys())
        await until(lambda: has_left(tmp_path, "part-2", before))
        codes = [await one.stop() for one in reversed(nodes)]
        meanwhile = send(fleet, "meanwhile", 30)
        for index, one in enumerate(nodes):
            one.settings.update(counting(index, 3))
            one.start()
        for one in nodes:
            await one.until_ready()
        await fleet.until_planned(*before, *meanwhile)
        await end_well(fleet, *nodes)
    assert codes == [0] * 3
    for index, one in enumerate(nodes):
        mine = [said for said in generations(one) if "meanwhile" in said]
        assert sorted(mine) == sorted(
            instruction(f"meanwhile-{n}") for n in range(30) if owner_of(f"robot-{n}", 3) == index
        )
    told = generations(*nodes)
    assert max(told[instruction(task_id)] for task_id in meanwhile) == 1


OF_TWO = ("of-two", "then-two", "two-again")
OF_THREE = ("of-three", "then-three", "last-three")


@pytest.mark.timeout(180)
async def test_the_count_changes_twice_while_tasks_come_and_nodes_die(
    tmp_path: Path, broker_port: int
) -> None:
    nodes = [part(tmp_path, broker_port, index) for index in range(3)]
    for one in nodes:
        one.settings["MQTT__PARTITION_CHANGES"] = "true"
    async with fleet_of(tmp_path, broker_port, *nodes) as fleet:
        sent = send(fleet, "of-two", 30)
        await until(lambda: any(fleet.states.get(one) == "PLANNING" for one in sent))
        nodes[0].kill()  # it hears of the change when it is back, behind what came before
        sent += [*send(fleet, "then-two", 30), *change(fleet, 3), *send(fleet, "of-three", 30)]
        await fleet.until_true(lambda: counts(fleet, 1, 2) == [3, 3])
        nodes[2].kill()  # and goes on with three, though its settings say two
        sent += send(fleet, "then-three", 30)
        for one in (nodes[0], nodes[2]):
            one.start()
            await one.until_ready()
            await one.until_back(fleet.history)
        await fleet.until_true(lambda: counts(fleet, 0, 1, 2) == [3, 3, 3])
        sent += [*send(fleet, "last-three", 30), *change(fleet, 2), *send(fleet, "two-again", 30)]
        await fleet.until_planned(*sent)
        await fleet.until_true(lambda: counts(fleet, 0, 1, 2) == [2, 2, 2])
        await end_well(fleet, *nodes)
    for index, one in enumerate(nodes):
        mine = {*owned(index, 2, *OF_TWO), *owned(index, 3, *OF_THREE)}
        assert generations(one).keys() == mine


def change(fleet: Fleet, count: int) -> list[str]:
    fleet.send("fleet/partition", f'{{"partition_count": {count}}}')
    return []


def counts(fleet: Fleet, *indexes: int) -> list[int]:
    """Of how many nodes each of these says that it is one."""
    parts = [fleet.parts.get(f"part-{index}") for index in indexes]
    return [one["count"] for one in parts if one is not None]


def owned(index: int, count: int, *groups: str) -> Iterator[str]:
    """Tell what a node's model is asked of these groups, where so many nodes share the fleet."""
    for group in groups:
        for n in range(30):
            if owner_of(f"robot-{n}", count) == index:
                yield instruction(f"{group}-{n}")


@pytest.mark.timeout(150)
async def test_a_sharer_that_is_killed_with_unacknowledged_tasks_leaves_none_behind(
    tmp_path: Path, broker_port: int, cluster: Cluster
) -> None:
    database = cluster.database()
    dead, survivor = sharers(tmp_path, broker_port, database)
    async with fleet_of(tmp_path, broker_port, dead, survivor) as fleet:
        journalled = send(fleet, "journalled", 40)
        await until(lambda: set(journalled) <= fleet.states.keys())
        dead.pause()
        unanswered = send(fleet, "unanswered", 20)
        await until(lambda: any(one in fleet.states for one in unanswered))
        fleet.history.fault("kill share-0")
        dead.kill()
        await fleet.until_ended(*journalled)  # the survivor has taken over what was accepted
        again = [one for one in unanswered if one not in fleet.states]
        assert again  # the broker keeps them for the dead
        for task_id in again:  # a robot that hears nothing asks again, as the contract has it
            fleet.task(f"robot-{task_id.split('-')[1]}", task_id, instruction(task_id))
        await until_half_is_heard(fleet, again)
        dead.start()
        await dead.until_ready()
        await dead.until_back(fleet.history)
        await fleet.until_planned(*journalled, *unanswered, deadline_s=60)
        await end_well(fleet, dead, survivor)
    runs = generations(dead, survivor)
    assert max(runs.values()) <= 2  # the second time only for what was being planned at the kill
    assert all(runs[said] == 1 for said in runs if "unanswered" in said)


@pytest.mark.timeout(120)
async def test_a_sharer_that_slept_through_its_lease_ends_instead_of_planning_twice(
    tmp_path: Path, broker_port: int, cluster: Cluster
) -> None:
    database = cluster.database()
    sleeper, survivor = sharers(tmp_path, broker_port, database)
    async with fleet_of(tmp_path, broker_port, sleeper, survivor) as fleet:
        task_ids = send(fleet, "task", 40)
        await until(lambda: set(task_ids) <= fleet.states.keys())
        sleeper.pause()
        await fleet.until_ended(*task_ids)
        sleeper.resume()
        assert await sleeper.stopped() == 1
        assert "taken over this node's tasks" in sleeper.log
        await end_well(fleet, sleeper, survivor)


async def until_half_is_heard(fleet: Fleet, task_ids: list[str]) -> None:
    """Wait for the survivor's share: the broker keeps the other part for the dead."""
    await until(lambda: sum(one in fleet.states for one in task_ids) >= len(task_ids) // 3)
