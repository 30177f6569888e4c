"""How a member leaves a ``$share`` group for good, as docs/scale-out.md says."""

import asyncio

import pytest

from tests.fakes.hall import Hall
from tests.fakes.mosquitto import Mosquitto
from tests.fakes.waiting import until
from tests.mqtt.test_door import ROOT, TASK, Robot, open_door, robot_at

GROUP = "leavers"


async def end_session(port: int, node_id: str) -> None:
    """Connect once under the node's name with a clean start, and let the session end with that."""
    there = ["-h", "127.0.0.1", "-p", str(port)]
    ending = ["-V", "mqttv5", "-i", node_id, "-t", "nothing", "-E"]
    process = await asyncio.create_subprocess_exec("mosquitto_sub", *there, *ending)
    assert await process.wait() == 0


async def send(robot: Robot, *names: str) -> None:
    for name in names:
        await robot.send(f"{ROOT}/robots/r1/task", TASK.replace("t1", name))


@pytest.mark.broker
async def test_a_member_that_has_left_is_given_no_more_commands(
    shared_mosquitto: Mosquitto,
) -> None:
    port, hall = shared_mosquitto.port, Hall()
    async with open_door(port, Hall(), shared_group=GROUP) as leaver:
        node_id = leaver._who.node_id
    async with robot_at(port) as robot, open_door(port, hall, shared_group=GROUP):
        await send(robot, "lost-1", "lost-2", "lost-3", "lost-4")
        await until(lambda: len(hall.journal.records) == 2)  # its share waits for the other
        await end_session(port, node_id)
        await send(robot, "kept-1", "kept-2", "kept-3", "kept-4")
        await until(lambda: len(hall.journal.records) == 2 + 4)
