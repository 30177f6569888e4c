"""Whoever names a Response Topic hears there, whatever becomes of what was sent."""

import pytest

from planner_node.mqtt.packets import MessageProperties
from tests.fakes.hall import Hall
from tests.fakes.mosquitto import Mosquitto
from tests.fakes.waiting import until
from tests.mqtt.test_door import ROOT, open_door, robot_at

pytestmark = pytest.mark.broker
TRACE = (("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),)


async def test_what_no_robot_can_be_told_is_told_to_the_sender_with_what_it_wants_echoed(
    shared_mosquitto: Mosquitto,
) -> None:
    port = shared_mosquitto.port
    async with robot_at(port) as sender, open_door(port, Hall()):
        properties = MessageProperties("replies/fleet", b"\x07", TRACE)
        await sender.send(f"{ROOT}/fleet/task", "go", properties=properties)
        await until(lambda: sender.said("replies/fleet"))
        assert sender.said(f"{ROOT}/errors")[-1] == sender.said("replies/fleet")[0]
        topics = {f"{ROOT}/errors", "replies/fleet"}
        echoed = [one.properties for one in sender.heard if one.topic in topics]
    assert {(one.correlation_data, one.user_properties) for one in echoed} == {(b"\x07", TRACE)}
