"""The whole door with the real planner behind it and real brokers before it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from messages.status import NodeState
from messages.wire import new_id
from planner_node.broker.embedded import EmbeddedBroker
from planner_node.clock import SystemClock
from planner_node.errors import SettingsRefused
from planner_node.mqtt.address import connect_options
from planner_node.mqtt.client import Connection
from planner_node.mqtt.door import MqttDoor
from planner_node.mqtt.packets import Delivery, MessageProperties, Publication, Subscription
from planner_node.settings import MqttSettings
from tests.fakes.hall import Hall
from tests.fakes.mosquitto import Mosquitto
from tests.fakes.waiting import until, until_it_is

ROOT = "planner/v1"


class Robot:
    """A robot's own connection: commands out, everything the node says in."""

    def __init__(self, port: int, *, is_v5: bool = True) -> None:
        settings = MqttSettings(url=f"mqtt://127.0.0.1:{port}")
        self.heard: list[Delivery] = []
        options = connect_options(settings, f"robot-{new_id()}", None)
        options = replace(options, session_expiry_s=0)  # leave nothing behind
        self.connection = Connection(options, is_v5=is_v5, epoch=1, deliver=self.hear)

    def hear(self, delivery: Delivery) -> None:
        self.connection.acknowledge(delivery)
        self.heard.append(delivery)

    async def enter(self) -> "Robot":
        ending = await self.connection.open()
        if ending is not None:
            raise ConnectionError(ending.reason)
        await self.connection.subscribe([Subscription("#", newly_only=False)])
        return self

    async def send(
        self,
        topic: str,
        payload: bytes | str,
        *,
        retain: bool = False,
        properties: MessageProperties | None = None,
    ) -> None:
        data = payload.encode() if isinstance(payload, str) else payload
        given = properties or MessageProperties()
        await self.connection.publish(Publication(topic, data, retain=retain, properties=given))

    def said(self, topic: str) -> list[dict[str, Any]]:
        return [json.loads(one.payload) for one in self.heard if one.topic == topic and one.payload]

    def states(self, task_id: str, robot_id: str = "r1") -> list[str]:
        statuses = self.said(f"{ROOT}/robots/{robot_id}/status")
        return [status["status"] for status in statuses if status["task_id"] == task_id]

    def codes(self, robot_id: str = "r1") -> list[str]:
        statuses = self.said(f"{ROOT}/robots/{robot_id}/status")
        return [status["problem"]["code"] for status in statuses if status["problem"]]


@asynccontextmanager
async def open_door(port: int, hall: Hall, **settings: object) -> AsyncIterator[MqttDoor]:
    mqtt = MqttSettings.model_validate({"url": f"mqtt://127.0.0.1:{port}", **settings})
    node_id = f"node-{new_id()[:8]}"
    door = MqttDoor(mqtt, node_id, hall.planner, hall.journal, SystemClock())
    await hall.open()
    async with asyncio.TaskGroup() as group:
        group.create_task(door.run())
        try:
            await until(lambda: door.readiness.is_ok)
            yield door
        finally:
            await door.stop(drain_s=2)
    await hall.close()


@asynccontextmanager
async def robot_at(port: int, *, is_v5: bool = True) -> AsyncIterator[Robot]:
    robot = await Robot(port, is_v5=is_v5).enter()
    try:
        yield robot
    finally:
        await robot.connection.close()


TASK = '{"instruction": "將書本放在側桌上。", "task_id": "t1"}'


async def test_task_is_planned_subtask_by_subtask(any_port: int) -> None:
    async with robot_at(any_port, is_v5=False) as robot, open_door(any_port, Hall()):
        await robot.send(f"{ROOT}/robots/r1/task", TASK)
        await until(lambda: robot.states("t1")[-1:] == ["PLANNED"])
        stream = robot.said(f"{ROOT}/robots/r1/subtasks/stream")
        [plan] = robot.said(f"{ROOT}/robots/r1/subtasks")
    assert robot.states("t1") == ["QUEUED", "PLANNING", "PLANNED"]
    assert [event["seq"] for event in stream[:-1]] == list(range(len(plan["tasks"])))
    assert stream[-1]["type"] == "PLAN_COMPLETED"


@pytest.mark.broker
async def test_status_waits_for_late_joiners_and_is_cleared(shared_mosquitto: Mosquitto) -> None:
    port, hall = shared_mosquitto.port, Hall()
    async with robot_at(port) as robot, open_door(port, hall) as door:
        await robot.send(f"{ROOT}/robots/r1/task", TASK.replace("t1", "late-1"))
        await until(lambda: robot.states("late-1")[-1:] == ["PLANNED"])
        topic = f"{ROOT}/tasks/late-1/status"
        async with robot_at(port) as joiner:
            await until(lambda: [status["status"] for status in joiner.said(topic)] == ["PLANNED"])
            [kept] = [one for one in joiner.heard if one.topic == topic]
            assert kept.expiry_s in range(86_000, 86_401)
            gone = await hall.journal.purge(SystemClock().now(), 0)
            door.clear(record.task_id for record in gone)
            await until(lambda: joiner.heard[-1].topic == topic and not joiner.heard[-1].payload)


@pytest.mark.broker
async def test_reply_topic_gets_copies_with_the_correlation_data(
    shared_mosquitto: Mosquitto,
) -> None:
    port = shared_mosquitto.port
    properties = MessageProperties(response_topic="desk/7", correlation_data=b"\x07")
    async with (
        robot_at(port) as robot,
        open_door(port, Hall(), response_topic_prefixes=["desk"]),
    ):
        await robot.send(
            f"{ROOT}/robots/r1/task", TASK.replace("t1", "reply-1"), properties=properties
        )
        await until(lambda: robot.states("reply-1")[-1:] == ["PLANNED"])
        await until(lambda: len(robot.said("desk/7")) == 4)
        copies = [one for one in robot.heard if one.topic == "desk/7"]
    assert {one.properties.correlation_data for one in copies} == {b"\x07"}


BAD = {
    "empty": b"",
    "not json": b"{",
    "not text": b"\xff\xfe",
    "one MiB": b"x" * 1_048_576,
    "deep": b"[" * 10_000,
    "duplicate keys": b'{"instruction":"a","instruction":"b"}',
    "NaN": b'{"instruction":"a","priority":NaN}',
    "wrong type": b'{"instruction":1}',
    "bad id": b'{"instruction":"a","task_id":"a#b"}',
}


async def test_every_bad_input_is_answered_and_the_next_good_task_is_planned(
    any_port: int,
) -> None:
    async with (
        robot_at(any_port, is_v5=False) as robot,
        open_door(any_port, Hall()) as door,
    ):
        for payload in BAD.values():
            await robot.send(f"{ROOT}/robots/r1/task", payload)
        await robot.send(f"{ROOT}/robots/r 1/task", "go")
        await robot.send(f"{ROOT}/robots/r1/task", TASK)
        await until(lambda: robot.states("t1")[-1:] == ["PLANNED"])
        assert len(robot.codes()) == len(BAD)
        assert [problem["code"] for problem in robot.said(f"{ROOT}/errors")] == ["SCHEMA_INVALID"]
        assert door.readiness.is_ok


@pytest.mark.broker
async def test_retained_task_is_refused_even_when_it_comes_live(
    shared_mosquitto: Mosquitto,
) -> None:
    port = shared_mosquitto.port
    async with robot_at(port) as robot, open_door(port, Hall()):
        await robot.send(f"{ROOT}/robots/keep/task", "go", retain=True)
        await until(lambda: robot.codes("keep") == ["RETAINED_COMMAND"])
        await robot.send(f"{ROOT}/robots/keep/task", b"", retain=True)


async def test_cancel_is_answered_while_tasks_wait(any_port: int) -> None:
    async with robot_at(any_port, is_v5=False) as robot, open_door(any_port, Hall(works=False)):
        await robot.send(f"{ROOT}/robots/r1/task", TASK)
        await robot.send(f"{ROOT}/robots/r1/control", '{"op": "CANCEL", "task_id": "t1"}')
        await until(lambda: robot.states("t1") == ["QUEUED", "CANCELED"])


@pytest.mark.broker
async def test_broker_restart_loses_nothing_that_was_accepted(tmp_path: Path) -> None:
    conf = "allow_anonymous true\npersistence true\npersistence_location ./\n"
    broker = Mosquitto(tmp_path, conf)
    broker.start()
    hall = Hall(works=False)
    try:
        async with open_door(broker.port, hall, reconnect_min_s=1, reconnect_max_s=1) as door:
            async with robot_at(broker.port) as robot:
                for number in range(20):
                    body = json.dumps({"instruction": "go", "task_id": f"restart-{number}"})
                    await robot.send(f"{ROOT}/robots/r{number % 4}/task", body)
                await until(lambda: len(hall.journal.records) == 20)
            broker.stop()
            await until(lambda: not door.readiness.is_ok)
            hall.go_to_work()
            await until(lambda: all(record.finished for record in hall.journal.records.values()))
            broker.start()
            async with robot_at(broker.port) as robot:
                await until(
                    lambda: all(
                        "PLANNED" in robot.states(f"restart-{number}", f"r{number % 4}")
                        for number in range(20)
                    )
                )
            await until_it_is(lambda: hall.journal.pending(0, 1), [])
    finally:
        broker.stop()


async def test_lost_journal_is_not_ready_and_comes_back_by_itself(any_port: int) -> None:
    hall = Hall(works=False)
    async with robot_at(any_port, is_v5=False) as robot, open_door(any_port, hall) as door:
        hall.journal.refuses = "disk full"
        await robot.send(f"{ROOT}/robots/r1/task", TASK)
        await until(lambda: "disk full" in door.readiness.reason)
        hall.journal.refuses = ""
        await until(lambda: robot.states("t1") == ["QUEUED"])
        assert door.readiness.is_ok


async def test_presence_says_how_the_node_is_until_its_orderly_end(any_port: int) -> None:
    async with robot_at(any_port, is_v5=False) as robot:
        async with open_door(any_port, Hall()) as door:
            door.change(NodeState.READY, model_ready=True)
            topic = f"{ROOT}/nodes/{door._who.node_id}/status"
            await until(lambda: robot.said(topic)[-1:] and robot.said(topic)[-1]["model_ready"])
        await until(lambda: robot.said(topic)[-1]["state"] == "OFFLINE")
    assert "CONNECTION_BROKEN" not in [status["state"] for status in robot.said(topic)]


@pytest.mark.broker
async def test_two_nodes_with_one_id_end_with_one_that_says_why(
    shared_mosquitto: Mosquitto,
) -> None:
    settings = MqttSettings(url=shared_mosquitto.url, reconnect_min_s=1, reconnect_max_s=1)
    halls = [Hall(), Hall()]
    doors = [
        MqttDoor(settings, "twin", hall.planner, hall.journal, SystemClock()) for hall in halls
    ]
    async with asyncio.TaskGroup() as group:
        for door in doors:
            group.create_task(door.run())
        await until(
            lambda: [d for d in doors if "another client uses our id" in d.readiness.reason], 15
        )
        assert max(door.counters.connects for door in doors) < 5
        await until(lambda: [d for d in doors if d.readiness.is_ok])
        for door in doors:
            await door.stop(drain_s=1)


@pytest.mark.broker
async def test_shared_group_is_subscribed_where_the_broker_offers_it(
    shared_mosquitto: Mosquitto,
) -> None:
    port = shared_mosquitto.port
    async with robot_at(port) as robot, open_door(port, Hall(), shared_group="g1"):
        await robot.send(f"{ROOT}/robots/r1/task", TASK.replace("t1", "share-1"))
        await until(lambda: robot.states("share-1")[-1:] == ["PLANNED"])


async def test_shared_group_is_a_loud_error_where_it_is_not_offered() -> None:
    hall = Hall()
    async with EmbeddedBroker(0) as broker, asyncio.TaskGroup() as group:
        settings = MqttSettings(url=broker.url, shared_group="g1")
        door = MqttDoor(settings, "n1", hall.planner, hall.journal, SystemClock())
        group.create_task(door.run())
        await until(lambda: "offers no shared subscriptions" in door.readiness.reason)
        await door.stop(drain_s=1)


def test_door_without_a_url_is_refused() -> None:
    hall = Hall()
    with pytest.raises(SettingsRefused, match="embedded broker"):
        MqttDoor(MqttSettings(), "n1", hall.planner, hall.journal, SystemClock())
