"""The main way of the product, with a real broker: a task comes in, its plan comes out."""

import asyncio
import json
import subprocess
from typing import Any
from uuid import uuid4

import pytest
from jsonschema import Draft202012Validator

from messages.schemas import json_schema
from tests.e2e.conftest import House
from tests.faults.checker import check
from tests.faults.fleet import Fleet
from tests.faults.newcomer import look

pytestmark = [pytest.mark.broker, pytest.mark.slow]


def heard(fleet: Fleet, topic: str) -> list[dict[str, Any]]:
    lines = fleet.history.of("received")
    return [json.loads(one.fields["payload"]) for one in lines if one.fields["topic"] == topic]


def publish(house: House, topic: str, payload: str, *options: str) -> None:
    """As a person would, with Debian's client (MQTT 3.1.1 unless told otherwise)."""
    arguments = ["-p", str(house.port), "-q", "1", "-t", topic, "-m", payload, *options]
    subprocess.run(["mosquitto_pub", *arguments], check=True, timeout=10)


def retained(house: House, topic: str) -> dict[str, Any]:
    """What somebody finds who comes only now."""
    arguments = ["-p", str(house.port), "-t", topic, "-C", "1", "-W", "5"]
    found = subprocess.run(["mosquitto_sub", *arguments], check=True, timeout=10, stdout=-1)
    message: dict[str, Any] = json.loads(found.stdout)
    return message


async def test_a_bare_sentence_becomes_a_plan(house: House, fleet: Fleet) -> None:
    publish(house, "planner/v1/robots/bare/task", "將書本放在側桌上。")
    await fleet.until_true(lambda: fleet.answers["bare"][-1:] != [])
    task_id = fleet.answers["bare"][0]["task_id"]
    await fleet.until_ended(task_id)
    states = [status["status"] for status in heard(fleet, "robots/bare/status")]
    assert states == ["QUEUED", "PLANNING", "PLANNED"]
    await fleet.until_true(lambda: heard(fleet, "robots/bare/subtasks"))
    [plan] = heard(fleet, "robots/bare/subtasks")
    stream = heard(fleet, "robots/bare/subtasks/stream")
    assert [line["subtask"] for line in stream[:-1]] == plan["tasks"]
    assert stream[-1]["type"] == "PLAN_COMPLETED"


@pytest.mark.parametrize(
    ("topic", "name"),
    [
        ("robots/exact/status", "TaskStatus"),
        ("robots/exact/subtasks", "SubtaskList"),
        ("robots/exact/subtasks/stream", "SubtaskEvent"),
        ("tasks/{task_id}/status", "TaskStatus"),
    ],
)
async def test_every_message_fits_its_published_schema(fleet: Fleet, topic: str, name: str) -> None:
    task_id = uuid4().hex
    fleet.task("exact", task_id, "put some book on sidetable", labels=["a"], requester="me")
    await fleet.until_ended(task_id)
    await fleet.until_true(lambda: heard(fleet, topic.format(task_id=task_id)))
    messages = heard(fleet, topic.format(task_id=task_id))
    validator = Draft202012Validator(json_schema(name))
    faults = [fault.message for message in messages for fault in validator.iter_errors(message)]
    assert faults == []


async def test_the_first_subtask_comes_before_the_plan_is_made(fleet: Fleet) -> None:
    fleet.task("early", "early-1", "HALF way, then wait: HANG")
    await fleet.until_true(lambda: heard(fleet, "robots/early/subtasks/stream"))
    assert fleet.states["early-1"] == "PLANNING"
    fleet.control("early", "CANCEL", "early-1")
    await fleet.until_state("early-1", "CANCELED")


async def test_chinese_travels_unescaped(fleet: Fleet) -> None:
    fleet.task("chinese", "chinese-1", "請把杯子拿給我。")
    await fleet.until_ended("chinese-1")
    await fleet.until_true(lambda: fleet.heard["subtasks"])
    lines = fleet.history.of("received")
    payloads = [one.fields["payload"] for one in lines if one.fields["topic"].endswith("subtasks")]
    assert ["第0步" in payload for payload in payloads] == [True]


async def test_tasks_of_twenty_robots_all_end_once_and_in_order(fleet: Fleet) -> None:
    tasks = fleet.tasks("many", 200, robots=20, instruction="將書本 {} 放在側桌上。")
    await fleet.until_planned(*tasks)
    await look(fleet)
    check(fleet.history, in_order=True)


async def test_cancel_ends_a_running_generation(fleet: Fleet) -> None:
    fleet.task("stop", "stop-1", "HANG")
    await fleet.until_state("stop-1", "PLANNING")
    fleet.control("stop", "CANCEL", "stop-1")
    await fleet.until_state("stop-1", "CANCELED", deadline_s=5)
    fleet.task("stop", "stop-2", "the next one")
    await fleet.until_ended("stop-2")


async def test_a_hanging_robot_holds_up_nobody_else(fleet: Fleet) -> None:
    fleet.task("stuck", "stuck-1", "HANG")
    fleet.task("stuck", "stuck-2", "behind it")
    fleet.task("free", "free-1", "beside it")
    await fleet.until_ended("free-1")
    assert (fleet.states["stuck-1"], fleet.states["stuck-2"]) == ("PLANNING", "QUEUED")
    fleet.control("stuck", "CANCEL", "stuck-1")
    await fleet.until_ended("stuck-1", "stuck-2")


async def test_an_urgent_task_overtakes(fleet: Fleet) -> None:
    fleet.task("busy", "busy-1", "HANG")
    await fleet.until_state("busy-1", "PLANNING")
    fleet.task("busy", "busy-2", "later", priority=10)
    fleet.task("busy", "busy-3", "sooner", priority=90)
    await fleet.until_state("busy-3", "QUEUED")
    fleet.control("busy", "CANCEL", "busy-1")
    await fleet.until_ended("busy-1", "busy-2", "busy-3")
    ended = [one["task_id"] for one in fleet.answers["busy"] if one["status"] == "PLANNED"]
    assert ended == ["busy-3", "busy-2"]


async def test_a_task_sent_again_is_answered_again_with_the_same_bytes(fleet: Fleet) -> None:
    fleet.task("twice", "twice-1", "only once, please")
    await fleet.until_true(lambda: fleet.heard["subtasks"] == 1)
    fleet.task("twice", "twice-1", "only once, please")
    await fleet.until_true(lambda: fleet.heard["subtasks"] == 2)
    lines = fleet.history.of("received")
    plans = [one.fields["payload"] for one in lines if one.fields["topic"].endswith("subtasks")]
    assert plans[0] == plans[1]


async def test_a_late_joiner_finds_the_end_of_a_task(house: House, fleet: Fleet) -> None:
    fleet.task("late", "late-1", "before you came")
    await fleet.until_ended("late-1")
    topic = "planner/v1/tasks/late-1/status"
    arguments = ["-p", str(house.port), "-t", topic, "-C", "1", "-W", "5"]
    command = ["mosquitto_sub", *arguments]
    found = await asyncio.to_thread(
        subprocess.run, command, check=True, timeout=10, stdout=subprocess.PIPE
    )
    assert json.loads(found.stdout)["status"] == "PLANNED"


async def test_the_node_explains_itself(house: House, fleet: Fleet) -> None:
    await fleet.until_true(lambda: heard(fleet, "nodes/planner-1/info"))
    info = heard(fleet, "nodes/planner-1/info")[-1]
    faults = list(Draft202012Validator(json_schema("NodeInfo")).iter_errors(info))
    assert (faults, info["model"]["ready"]) == ([], True)
