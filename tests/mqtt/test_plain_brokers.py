"""A broker that offers less than MQTT has is worked with, and what is missing is said."""

from pathlib import Path

import pytest

from tests.fakes.guest import GONE
from tests.fakes.hall import Hall
from tests.fakes.mosquitto import OPEN_CONF, running
from tests.fakes.waiting import until
from tests.mqtt.test_door import ROOT, TASK, open_door, robot_at

pytestmark = pytest.mark.broker
MISSING = {
    "retain_available false": "the broker retains nothing",
    "max_qos 0": "the broker offers QoS 0 only",
    "retain_available false\nmax_qos 0": "late joiners hear of no task and of no node and offers",
}


@pytest.mark.parametrize("setting", MISSING)
async def test_broker_that_lacks_something_is_worked_with_and_it_is_said(
    tmp_path: Path, setting: str, caplog: pytest.LogCaptureFixture
) -> None:
    with running(tmp_path, f"{OPEN_CONF}{setting}\n") as broker:
        async with robot_at(broker.port) as robot, open_door(broker.port, Hall()) as door:
            assert MISSING[setting] in door.readiness.reason
            assert MISSING[setting] in caplog.text
            await robot.send(f"{ROOT}/robots/r1/task", TASK)
            await until(lambda: robot.states("t1")[-1:] == ["PLANNED"])
            door.clear(["t1"])
            await door._clearing.drained()
            await robot.send(f"{ROOT}/robots/r1/task", TASK.replace("t1", "t2"))
            await until(lambda: robot.states("t2")[-1:] == ["PLANNED"])
            if "retain_available" in setting:  # nothing is kept, so nobody hears an empty message
                assert all(one.payload for one in robot.heard)


@pytest.mark.parametrize("setting", MISSING)
async def test_last_will_is_heard_by_those_who_listen_and_the_node_comes_back(
    tmp_path: Path, setting: str
) -> None:
    with running(tmp_path, f"{OPEN_CONF}{setting}\n") as broker:
        async with robot_at(broker.port) as robot, open_door(broker.port, Hall()) as door:
            topic = f"{ROOT}/nodes/{door._who.node_id}/status"
            (await door._link.connection()).abort(GONE)
            await until(lambda: "CONNECTION_BROKEN" in [one["state"] for one in robot.said(topic)])
            await until(lambda: not door.readiness.is_ok)
            await until(lambda: door.readiness.is_ok)
