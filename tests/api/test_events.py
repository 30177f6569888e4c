"""A task followed through server-sent events."""

import json
from dataclasses import dataclass

import httpx
import pytest

from planner_node.api.openapi import Service
from tests.api.house import House
from tests.api.live import serving, until_line
from tests.api.test_tasks import submitted, until_ended
from tests.fakes.completion import SEED_PLAN, Script
from tests.fakes.waiting import until


@dataclass(frozen=True, slots=True)
class Told:
    kind: str
    event_id: int
    data: str


def told(body: str) -> list[Told]:
    found = []
    for block in body.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if line)
        if "id" in fields:
            found.append(Told(fields["event"], int(fields["id"]), fields["data"]))
    return found


async def followed(http: httpx.AsyncClient, task_id: str, **headers: str) -> list[Told]:
    answer = await http.get(f"/tasks/{task_id}/events", headers=headers)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
    return told(answer.text)


@pytest.fixture
async def ended(http: httpx.AsyncClient, house: House) -> str:
    """The id of a task whose plan is complete."""
    house.work()
    task_id = await submitted(http)
    await until_ended(http, task_id)
    return task_id


async def test_a_finished_task_tells_everything_and_ends(
    http: httpx.AsyncClient, ended: str
) -> None:
    events = await followed(http, ended)
    steps = [json.loads(e.data) for e in events if e.kind == "subtask"]
    assert [e["type"] for e in steps] == ["SUBTASK_ADDED"] * len(SEED_PLAN) + ["PLAN_COMPLETED"]
    assert {"status", "subtask", "plan"} == {event.kind for event in events}
    assert [e.event_id for e in events] == sorted({e.event_id for e in events})


async def test_last_event_id_resumes_without_gap_or_repeat(
    http: httpx.AsyncClient, ended: str
) -> None:
    events = await followed(http, ended)
    resumed = await followed(http, ended, **{"Last-Event-ID": str(events[2].event_id)})
    assert resumed == events[3:]


async def test_a_told_task_asks_not_to_come_again(http: httpx.AsyncClient, ended: str) -> None:
    last = (await followed(http, ended))[-1].event_id
    answer = await http.get(f"/tasks/{ended}/events", headers={"Last-Event-ID": str(last)})
    assert answer.status_code == 204


async def test_events_of_an_unknown_task_are_not_found(http: httpx.AsyncClient) -> None:
    assert (await http.get("/tasks/nobody/events")).status_code == 404


async def test_an_event_id_that_is_none_is_refused(http: httpx.AsyncClient) -> None:
    task_id = await submitted(http)
    answer = await http.get(f"/tasks/{task_id}/events", headers={"Last-Event-ID": "x"})
    assert answer.status_code == 422


async def test_a_subtask_is_told_before_the_plan_is_complete(app: Service, house: House) -> None:
    script = house.completer.scripts["側桌"] = Script(hold_after=120)
    house.work()
    async with serving(app) as address, httpx.AsyncClient(base_url=address) as client:
        task_id = await submitted(client)
        async with client.stream("GET", f"/tasks/{task_id}/events") as answer:
            lines = answer.aiter_lines()
            await until_line("event: subtask", lines)
            assert not script.gate.is_set()
            script.gate.set()
            rest = [line async for line in lines]
        assert "event: plan" in rest


async def test_a_watcher_that_leaves_is_forgotten(app: Service, house: House) -> None:
    async with serving(app) as address, httpx.AsyncClient(base_url=address) as client:
        task_id = await submitted(client)
        listeners = house.journal._listeners
        async with client.stream("GET", f"/tasks/{task_id}/events") as answer:
            await anext(answer.aiter_lines())
            await until(lambda: bool(listeners))
        await until(lambda: not listeners)
        assert (await client.get("/healthz")).status_code == 200
