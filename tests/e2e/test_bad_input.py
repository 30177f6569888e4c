"""Everything wrong that can come over the wire: a typed answer each, and the next task is fine."""

import asyncio
import json
import subprocess
from typing import Any
from uuid import uuid4

import httpx
import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from tests.e2e.conftest import AT_EITHER_BROKER, House
from tests.faults.fleet import Fleet

pytestmark = [pytest.mark.broker, pytest.mark.slow]

DEEP = b'{"instruction":' + b"[" * 10_000 + b"]" * 10_000 + b"}"

SPOKEN = {"messages": [{"role": "user", "content": "a"}]}
TOOL = {"name": "f", "description": "d"}
PATHOLOGICAL = {
    "type": "object",
    "properties": {"a": {"type": "string", "pattern": "^(((a{1,900}){1,900}){1,900})$"}},
    "required": ["a"],
}


def task(**fields: object) -> bytes:
    return json.dumps({"instruction": "把書拿來", **fields}, ensure_ascii=False).encode()


async def plans_on(fleet: Fleet, robot: str) -> None:
    """The next good task of the same robot is planned."""
    task_id = uuid4().hex
    fleet.task(robot, task_id, "a good one")
    await fleet.until_planned(task_id)


BAD_TASKS: dict[str, tuple[bytes, str]] = {
    "half a document": (b'{"instruction": "abc', "MALFORMED_JSON"),
    "bytes behind it": (task() + b"}", "MALFORMED_JSON"),
    "invalid utf-8": (b'{"instruction": "\xff\xfe"}', "MALFORMED_JSON"),
    "utf-16": ('{"instruction": "abc"}'.encode("utf-16"), "MALFORMED_JSON"),
    "empty": (b"", "SCHEMA_INVALID"),
    "an empty list": (b"[]", "SCHEMA_INVALID"),
    "one mebibyte": (task(context={"notes": "x" * 1_048_576}), "PAYLOAD_TOO_LARGE"),
    "one byte too many": (b"x" * 65_537, "PAYLOAD_TOO_LARGE"),
    "depth 10,000": (DEEP, "MALFORMED_JSON"),
    "duplicate keys": (b'{"instruction": "a", "instruction": "b"}', "MALFORMED_JSON"),
    "NaN": (b'{"instruction": "a", "priority": NaN}', "MALFORMED_JSON"),
    "infinity": (b'{"instruction": "a", "generation": {"top_p": 1e400}}', "SCHEMA_INVALID"),
    "10,000 digits": (
        b'{"instruction": "a", "priority": ' + b"9" * 10_000 + b"}",
        "SCHEMA_INVALID",
    ),
    "a lone surrogate": (b'{"instruction": "\\ud800"}', "MALFORMED_JSON"),
    "no instruction": (b"{}", "SCHEMA_INVALID"),
    "an empty instruction": (task(instruction=""), "SCHEMA_INVALID"),
    "a number as text": (task(instruction=5), "SCHEMA_INVALID"),
    "a text as number": (task(priority="high"), "SCHEMA_INVALID"),
    "an unknown limit": (task(constraints={"max_speed": 1}), "UNSUPPORTED_CONSTRAINT"),
    "another version": (task(schema_version="9.0"), "UNSUPPORTED_VERSION"),
    "another robot's name": (task(robot_id="somebody"), "IDENTITY_MISMATCH"),
    "an unknown tool": (task(tool="fly"), "UNKNOWN_TOOL"),
    "no tokens at all": (task(generation={"max_new_tokens": 0}), "SCHEMA_INVALID"),
    "a million tokens": (task(generation={"max_new_tokens": 1_000_000}), "SCHEMA_INVALID"),
    "a past deadline": (task(deadline="2001-01-01T00:00:00.000Z"), "EXPIRED"),
    "to be followed": (task(mode="PLAN_AND_TRACK"), "NOT_ENABLED"),
    "for several robots": (task(robots=[{"robot_id": "a"}]), "NOT_ENABLED"),
    "an id with a slash": (task(task_id="a/b"), "SCHEMA_INVALID"),
    "an id with a plus": (task(task_id="a+b"), "SCHEMA_INVALID"),
    "an id with a hash": (task(task_id="#"), "SCHEMA_INVALID"),
    "an id of the broker": (task(task_id="$SYS"), "SCHEMA_INVALID"),
    "an id with NUL": (task(task_id="a\0b"), "SCHEMA_INVALID"),
    "an id of 65": (task(task_id="x" * 65), "SCHEMA_INVALID"),
    "an id right to left": (task(task_id="a\u202eb"), "SCHEMA_INVALID"),
    "an id with a line break": (task(task_id="a\n"), "SCHEMA_INVALID"),
}


@AT_EITHER_BROKER
@pytest.mark.parametrize("name", BAD_TASKS)
async def test_a_bad_task_is_refused_and_the_next_one_planned(fleet: Fleet, name: str) -> None:
    payload, code = BAD_TASKS[name]
    robot, good = "careless", f"good-{list(BAD_TASKS).index(name)}"
    fleet.send(f"robots/{robot}/task", payload)
    fleet.task(robot, good, "a good one")
    await fleet.until_planned(good)
    refusals = [status for status in fleet.answers[robot] if status["status"] == "REJECTED"]
    assert [refusal["problem"]["code"] for refusal in refusals] == [code]
    assert [one["language"] for one in refusals[0]["problem"]["translations"]] == ["zh-TW"]


@AT_EITHER_BROKER
@pytest.mark.parametrize("op", ["CANCEL", "GET", "REPLAN", "ANSWER", "REPRIORITIZE"])
async def test_a_word_about_an_unknown_task_is_refused(fleet: Fleet, op: str) -> None:
    word = {"op": op, "task_id": "unheard-of", "answer": "yes", "priority": 1}
    fleet.send("robots/asking/control", json.dumps(word))
    await fleet.until_true(lambda: fleet.answers["asking"])
    problem = fleet.answers["asking"][0]["problem"]
    assert problem["code"] in {"TASK_NOT_FOUND", "NOT_ENABLED"}
    await plans_on(fleet, "asking")


@AT_EITHER_BROKER
@pytest.mark.parametrize("payload", [b"", b"{", b'{"op": "EXPLODE", "task_id": "a"}', b"\xff"])
async def test_a_bad_word_is_refused(fleet: Fleet, payload: bytes) -> None:
    fleet.send("robots/mumbling/control", payload)
    await fleet.until_true(lambda: fleet.answers["mumbling"])
    assert fleet.answers["mumbling"][0]["problem"]["code"] in {"MALFORMED_JSON", "SCHEMA_INVALID"}
    await plans_on(fleet, "mumbling")


@AT_EITHER_BROKER
async def test_the_same_id_with_another_body_is_a_conflict(fleet: Fleet) -> None:
    fleet.task("same", "same-1", "one thing")
    await fleet.until_ended("same-1")
    fleet.send("robots/same/task", task(task_id="same-1"))
    await fleet.until_true(lambda: fleet.answers["same"][-1]["status"] == "REJECTED")
    assert fleet.answers["same"][-1]["problem"]["code"] == "DUPLICATE_CONFLICT"
    await plans_on(fleet, "same")


async def test_a_retained_task_moves_nobody(fleet: Fleet) -> None:
    """It is refused, and a fresh one is planned all the same."""
    topic = "robots/stale/task"
    fleet.send(topic, task(task_id="stale-1"), retain=True)
    fleet.task("stale", "fresh-1", "a good one")
    await fleet.until_ended("stale-1")
    await fleet.until_planned("fresh-1")
    fleet.send(topic, b"", retain=True)
    [answer] = [one for one in fleet.answers["stale"] if one["task_id"] == "stale-1"]
    assert (answer["status"], answer["problem"]["code"]) == ("REJECTED", "RETAINED_COMMAND")


@AT_EITHER_BROKER
async def test_robots_with_impossible_names_end_in_the_errors_topic(
    house: House, fleet: Fleet
) -> None:
    names = ["a b", "$SYS", "__proto__!", "' OR 1=1", "..;rm", "x" * 65, "機器人", "\u202e"]
    for name in names:
        fleet.send(f"robots/{name}/task", task())
    await fleet.until_true(lambda: len(fleet.problems) >= len(names))
    topics = {
        reference["value"]
        for problem in fleet.problems
        for reference in problem["references"]
        if reference["key"] == "topic"
    }
    assert topics == {f"planner/v1/robots/{name}/task" for name in names}
    await plans_on(fleet, "possible")


@pytest.mark.parametrize(
    "response_topic",
    ["$SYS/x", "planner/v1/robots/other/task", "planner/v1/robots/other/status", "elsewhere/x"],
)
async def test_a_response_topic_that_is_not_allowed_is_ignored_with_a_warning(
    fleet: Fleet, response_topic: str
) -> None:
    task_id = f"reply-{abs(hash(response_topic))}"
    properties = Properties(PacketTypes.PUBLISH)
    properties.ResponseTopic = response_topic
    properties.CorrelationData = b"c" * 65_000
    properties.UserProperty = [("traceparent", "nonsense"), *[("k", "v")] * 1_000]
    fleet.send("robots/loud/task", task(task_id=task_id), task_id, properties=properties)
    await fleet.until_planned(task_id)
    assert "response topic ignored" in " ".join(fleet.answers["loud"][-1]["warnings"])
    assert {status["task_id"] for status in fleet.answers["other"]} == set()


@AT_EITHER_BROKER
async def test_as_much_poison_as_the_window_holds_does_not_stop_the_node(fleet: Fleet) -> None:
    for _ in range(64):
        fleet.send("robots/poison/task", b'{"instruction": "\xff')
    fleet.task("poison", "antidote", "a good one")
    await fleet.until_planned("antidote")
    refused = [one for one in fleet.answers["poison"] if one["status"] == "REJECTED"]
    assert len(refused) == 64


@AT_EITHER_BROKER
@pytest.mark.parametrize("qos", ["0", "2"])
async def test_other_qualities_of_service_are_planned_too(
    house: House, fleet: Fleet, qos: str
) -> None:
    arguments = ["-p", str(house.port), "-t", "planner/v1/robots/q/task", "-q", qos]
    await asyncio.to_thread(
        subprocess.run,
        ["mosquitto_pub", *arguments, "-m", f'{{"task_id": "qos-{qos}", "instruction": "a"}}'],
        check=True,
        timeout=10,
    )
    await fleet.until_planned(f"qos-{qos}")


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"\xff",
        b"[" * 100_000,
        json.dumps({"messages": []}).encode(),
        json.dumps({**SPOKEN, "max_new_tokens": 0}).encode(),
        json.dumps({**SPOKEN, "tools": [{**TOOL, "parameters": {"not": {}}}]}).encode(),
        json.dumps({**SPOKEN, "tools": [{**TOOL, "parameters": PATHOLOGICAL}]}).encode(),
    ],
)
async def test_bad_bodies_over_http_are_the_senders_fault(
    house: House, fleet: Fleet, body: bytes
) -> None:
    answer = await post(house, "/generate_with_function", body)
    assert (400 <= answer[0] < 500, "problem" in answer[1]) == (True, True)
    await plans_on(fleet, "calm")


async def post(house: House, path: str, body: bytes) -> tuple[int, dict[str, Any]]:
    async with httpx.AsyncClient(base_url=house.node.http, timeout=10) as client:
        headers = {"content-type": "application/json"}
        answer = await client.post(path, content=body, headers=headers)
    return answer.status_code, answer.json()
