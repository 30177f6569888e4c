"""Whoever names a Response Topic hears there, whatever becomes of what was sent."""

import pytest

from planner_node.mqtt.packets import MessageProperties
from tests.fakes.hall import Hall
from tests.fakes.mosquitto import Mosquitto
from tests.fakes.waiting import until
from tests.mqtt.test_door import ROOT, open_door, robot_at

pytestmark = pytest.mark.broker
STORY = ["QUEUED", "PLANNING", "the plan", "PLANNED"]
TRACE = (("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),)


async def test_who_restarts_and_asks_again_elsewhere_gets_the_plan(
    shared_mosquitto: Mosquitto,
) -> None:
    port, hall = shared_mosquitto.port, Hall(works=False)
    task, topic = '{"instruction": "go", "task_id": "again-1"}', f"{ROOT}/robots/r1/task"
    async with robot_at(port) as sender, open_door(port, hall):
        for inbox in ("first", "second"):
            properties = MessageProperties(f"replies/{inbox}", inbox.encode())
            await sender.send(topic, task, properties=properties)
            await until(lambda inbox=inbox: sender.said(f"replies/{inbox}"))
        hall.go_to_work()
        await until(lambda: len(sender.said("replies/second")) == len(STORY))
        await until(lambda: len(sender.said("replies/first")) == len(STORY))
        for inbox in ("first", "second"):
            heard = [one for one in sender.heard if one.topic == f"replies/{inbox}"]
            assert {one.properties.correlation_data for one in heard} == {inbox.encode()}
            told = sender.said(f"replies/{inbox}")
            assert [one.get("status", "the plan") for one in told] == STORY


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
