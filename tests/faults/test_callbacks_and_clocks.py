"""F20 and F21: exceptions where they must not be, and a wall clock that jumps."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.fakes.mosquitto import running
from tests.faults.ending import end_well
from tests.faults.fleet import Fleet
from tests.faults.history import History
from tests.faults.nodes import NodeProcess, set_clock

pytestmark = [pytest.mark.broker, pytest.mark.slow]

CALLBACKS = (
    "on_socket_open:2",
    "on_connect:1",
    "on_subscribe:1",
    "on_plain_message:10",
    "on_puback:150",
    "on_disconnect:1",
    "on_end:3",
)
HOUR_S = 3_600


async def test_every_callback_of_the_network_thread_may_fail_once(tmp_path: Path) -> None:
    """F20: the node counts it and works on; the message it failed on is answered."""
    history = History(tmp_path / "history.jsonl")
    with running(tmp_path) as broker:
        node = NodeProcess(tmp_path, broker.url, script={"FAIL": ",".join(CALLBACKS)})
        async with Fleet(broker.port, history) as fleet, node:
            await node.until_readyz(200)
            tasks = fleet.tasks("stumble", 30, robots=5)
            await fleet.until_ended(*tasks)
            failures = await node.metric("planner_mqtt_callback_failures_total")
            await end_well(fleet, node)
    ends = [fleet.states[task_id] for task_id in tasks]
    assert (failures, ends.count("PLANNED"), ends.count("REJECTED")) == (len(CALLBACKS), 29, 1)


@pytest.mark.parametrize("jump_s", [HOUR_S, -HOUR_S])
async def test_a_clock_that_jumps_makes_nothing_due(tmp_path: Path, jump_s: int) -> None:
    """F21: what was accepted is due by the time that passes, not by the clock on the wall."""
    history, clock = History(tmp_path / "history.jsonl"), tmp_path / "clock"
    set_clock(clock, 0)
    with running(tmp_path) as broker:
        node = NodeProcess(tmp_path, broker.url, script={"CLOCK": str(clock)})
        async with Fleet(broker.port, history) as fleet, node:
            fleet.task("stuck", "holding", "HANG")
            await fleet.until_state("holding", "PLANNING")
            fleet.task("stuck", "in-half-an-hour", "bring a cup", deadline=after(HOUR_S / 2))
            fleet.task("stuck", "in-two-seconds", "bring a book", deadline=after(2))
            await fleet.until_state("in-half-an-hour", "QUEUED")
            await fleet.until_state("in-two-seconds", "QUEUED")
            set_clock(clock, jump_s)
            history.fault(f"the clock jumps by {jump_s} s")
            await fleet.until_ended("in-two-seconds", deadline_s=10)
            fleet.task("other", "later", "bring a pen", deadline=after(jump_s + HOUR_S / 2))
            await fleet.until_ended("later")
            fleet.control("stuck", "CANCEL", "holding")
            await fleet.until_ended("in-half-an-hour")
            await end_well(fleet, node)
    assert fleet.states["in-two-seconds"] == "EXPIRED"
    assert (fleet.states["in-half-an-hour"], fleet.states["later"]) == ("PLANNED", "PLANNED")


def after(seconds: float) -> str:
    moment = datetime.now(UTC) + timedelta(seconds=seconds)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
