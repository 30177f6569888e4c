"""HTTP and MQTT are two doors to the same tasks."""

import json
from typing import Any

import httpx
import pytest

from tests.e2e.conftest import House
from tests.faults.fleet import Fleet

pytestmark = [pytest.mark.broker, pytest.mark.slow]


async def ask(house: House, method: str, path: str, body: object = None) -> httpx.Response:
    async with httpx.AsyncClient(base_url=house.node.http, timeout=10) as client:
        return await client.request(method, path, json=body)


async def test_a_task_from_http_is_heard_by_its_robot(house: House, fleet: Fleet) -> None:
    body = {"task_id": "http-1", "robot_id": "web", "instruction": "put some book on sidetable"}
    accepted = await ask(house, "POST", "/tasks", body)
    assert (accepted.status_code, accepted.headers["location"]) == (202, "/tasks/http-1")
    await fleet.until_ended("http-1")
    states = [status["status"] for status in fleet.answers["web"]]
    assert states == ["QUEUED", "PLANNING", "PLANNED"]


async def test_a_task_from_mqtt_is_seen_over_http(house: House, fleet: Fleet) -> None:
    fleet.task("wire", "wire-1", "put some book on sidetable")
    await fleet.until_ended("wire-1")
    found: dict[str, Any] = (await ask(house, "GET", "/tasks/wire-1")).json()
    assert "PLANNED" in json.dumps(found)
    listed = (await ask(house, "GET", "/tasks?robot_id=wire")).json()
    assert "wire-1" in json.dumps(listed)


async def test_http_cancels_what_mqtt_began(house: House, fleet: Fleet) -> None:
    fleet.task("cross", "cross-1", "HANG")
    await fleet.until_state("cross-1", "PLANNING")
    assert (await ask(house, "POST", "/tasks/cross-1/cancel")).status_code == 200
    await fleet.until_state("cross-1", "CANCELED")


async def test_the_same_id_is_the_same_task_at_both_doors(house: House, fleet: Fleet) -> None:
    fleet.task("both", "both-1", "one thing")
    await fleet.until_ended("both-1")
    body = {"task_id": "both-1", "robot_id": "both", "instruction": "another thing"}
    assert (await ask(house, "POST", "/tasks", body)).status_code == 409


async def test_the_numbers_page_counts_both_doors(house: House, fleet: Fleet) -> None:
    fleet.task("count", "count-1", "one thing")
    await fleet.until_ended("count-1")
    page = (await ask(house, "GET", "/metrics")).text
    assert ("planner_mqtt_received" in page, "planner_journal_commits" in page) == (True, True)
