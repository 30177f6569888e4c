"""B8 at each broker: a retained command moves no robot, be it heard late or live."""

from pathlib import Path

import pytest

from tests.fakes.waiting import until
from tests.faults.either_broker import node_at
from tests.mqtt.test_door import ROOT, TASK, robot_at

pytestmark = [pytest.mark.broker, pytest.mark.slow]


@pytest.mark.parametrize("broker", ["embedded", "mosquitto"])
async def test_a_retained_task_that_comes_live_moves_nobody(tmp_path: Path, broker: str) -> None:
    """MQTT 3.1.1 takes the flag off for those who listen already; to clear it is no task."""
    topic = f"{ROOT}/robots/r1/task"
    async with (
        node_at(broker, tmp_path) as (_, port),
        robot_at(port, is_v5=False) as robot,
    ):
        await robot.send(topic, TASK, retain=True)
        await robot.send(topic, b"", retain=True)
        await robot.send(topic, TASK.replace("t1", "t2"))
        await until(lambda: robot.states("t2")[-1:] == ["PLANNED"])
        assert robot.codes() == ["RETAINED_COMMAND"]
        assert robot.states("t1") == ["REJECTED"]
