"""The task API: the same tasks as over MQTT."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest

from messages.status import TaskStatus
from messages.wire import format_timestamp
from planner_node.clock import SystemClock
from planner_node.tasks.record import EventKind
from tests.api.house import House
from tests.fakes.completion import SEED_PLAN
from tests.messages.payloads import ignored

TASK: dict[str, Any] = {"robot_id": "robot-1", "instruction": "將書本放在側桌上。"}


async def submitted(http: httpx.AsyncClient, **changes: object) -> str:
    answer = await http.post("/tasks", json={**TASK, **changes})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["task_id"])


async def until_ended(http: httpx.AsyncClient, task_id: str) -> dict[str, Any]:
    async with asyncio.timeout(10):
        while True:
            view: dict[str, Any] = (await http.get(f"/tasks/{task_id}")).json()
            if view["times"]["finished"]:
                return view
            await asyncio.sleep(0.005)


def code_of(answer: httpx.Response) -> str:
    assert set(answer.json()) == {"problem", "detail"}
    return str(answer.json()["problem"]["code"])


async def test_a_task_is_accepted_with_its_place(http: httpx.AsyncClient) -> None:
    answer = await http.post("/tasks", json={**TASK, "task_id": "task-42"})
    assert answer.status_code == 202
    assert answer.headers["location"] == "/tasks/task-42"
    assert (answer.json()["status"], answer.json()["robot_id"]) == ("QUEUED", "robot-1")


async def test_the_answer_is_a_task_status_and_more(http: httpx.AsyncClient) -> None:
    view = (await http.post("/tasks", json=TASK)).json()
    assert view.pop("command")["instruction"] == TASK["instruction"]
    assert view.pop("plan") is None
    assert TaskStatus.model_validate(view).status_version == 1


async def test_a_planned_task_shows_its_plan(http: httpx.AsyncClient, house: House) -> None:
    house.work()
    view = await until_ended(http, await submitted(http))
    assert view["status"] == "PLANNED"
    steps = [(step["task"], step["description"]) for step in view["plan"]["tasks"]]
    assert steps == list(SEED_PLAN)


async def test_the_same_task_again_is_answered_and_not_planned_twice(
    http: httpx.AsyncClient, house: House
) -> None:
    house.work()
    task_id = await submitted(http, task_id="task-1")
    await until_ended(http, task_id)
    again = await http.post("/tasks", json={**TASK, "task_id": "task-1"})
    assert (again.status_code, again.headers["location"]) == (200, "/tasks/task-1")
    assert len(again.json()["plan"]["tasks"]) == len(SEED_PLAN)
    assert len(house.completer.requests) == 1


async def test_a_task_that_has_ended_is_always_answered_with_the_same_bytes(
    http: httpx.AsyncClient, house: House
) -> None:
    house.work()
    task_id = await submitted(http, task_id="task-1")
    await until_ended(http, task_id)
    again = await http.post("/tasks", json={**TASK, "task_id": task_id})
    asked = [await http.get(f"/tasks/{task_id}") for _ in range(2)]
    assert {answer.content for answer in asked} == {again.content}
    told = house.hall.said(task_id, EventKind.STATUS)[-1]
    assert {key: again.json()[key] for key in told} == told
    assert (await http.get("/tasks")).json()["tasks"] == [told]


async def test_what_cancel_answers_is_what_is_told_of_it(
    http: httpx.AsyncClient, house: House
) -> None:
    task_id = await submitted(http)
    answer = await http.post(f"/tasks/{task_id}/cancel")
    assert answer.content == house.hall.log(task_id)[-1].event.payload


async def test_the_same_id_with_other_content_conflicts(http: httpx.AsyncClient) -> None:
    await submitted(http, task_id="task-1")
    other = await http.post("/tasks", json={**TASK, "task_id": "task-1", "instruction": "別的"})
    assert (other.status_code, code_of(other)) == (409, "DUPLICATE_CONFLICT")


async def test_unknown_fields_are_named_in_the_warnings(http: httpx.AsyncClient) -> None:
    view = (await http.post("/tasks", json={**TASK, "colour": "red"})).json()
    assert view["warnings"] == [ignored("/colour")]


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"robot_id": None}, 422, "SCHEMA_INVALID"),
        ({"robot_id": "a/b"}, 422, "SCHEMA_INVALID"),
        ({"task_id": "#"}, 422, "SCHEMA_INVALID"),
        ({"instruction": ""}, 422, "SCHEMA_INVALID"),
        ({"instruction": 7}, 422, "SCHEMA_INVALID"),
        ({"priority": 101}, 422, "SCHEMA_INVALID"),
        ({"schema_version": "2.0"}, 422, "UNSUPPORTED_VERSION"),
        ({"constraints": {"speed": 1}}, 422, "UNSUPPORTED_CONSTRAINT"),
        ({"tool": "fly"}, 422, "UNKNOWN_TOOL"),
        ({"deadline": "2020-01-01T00:00:00Z"}, 422, "EXPIRED"),
        ({"mode": "PLAN_AND_TRACK"}, 422, "NOT_ENABLED"),
    ],
)
async def test_a_bad_task_is_refused(
    http: httpx.AsyncClient, changes: dict[str, Any], status: int, code: str
) -> None:
    answer = await http.post("/tasks", json={**TASK, **changes})
    assert (answer.status_code, code_of(answer)) == (status, code)


async def test_a_task_without_a_robot_names_the_field(http: httpx.AsyncClient) -> None:
    answer = await http.post("/tasks", json={"instruction": "走"})
    assert answer.status_code == 422
    assert "/robot_id" in answer.json()["detail"]


async def test_a_task_for_several_robots_is_not_enabled(http: httpx.AsyncClient) -> None:
    answer = await http.post("/tasks", json={"instruction": "走", "robots": [{"robot_id": "r1"}]})
    assert (answer.status_code, code_of(answer)) == (422, "NOT_ENABLED")
    assert answer.json()["detail"].endswith("/robots")


async def test_a_field_is_named_before_what_is_said_of_it(http: httpx.AsyncClient) -> None:
    order = {**TASK, "generation": {"max_new_tokens": 131_072}}
    answer = await http.post("/tasks", json=order)
    assert "/generation/max_new_tokens must be at most" in answer.json()["detail"]


async def test_an_unknown_task_is_not_found(http: httpx.AsyncClient) -> None:
    answer = await http.get("/tasks/nobody")
    assert (answer.status_code, code_of(answer)) == (404, "TASK_NOT_FOUND")


async def test_a_task_id_that_is_none_is_refused(http: httpx.AsyncClient) -> None:
    answer = await http.get("/tasks/a b")
    assert (answer.status_code, code_of(answer)) == (422, "SCHEMA_INVALID")


@pytest.mark.parametrize("body", [None, b"", b'{"reason": "no longer needed"}'])
async def test_cancel_ends_a_task(http: httpx.AsyncClient, body: bytes | None) -> None:
    task_id = await submitted(http)
    answer = await http.post(f"/tasks/{task_id}/cancel", content=body)
    assert (answer.status_code, answer.json()["status"]) == (200, "CANCELED")


async def test_cancel_of_an_ended_task_says_its_state(http: httpx.AsyncClient) -> None:
    task_id = await submitted(http)
    await http.post(f"/tasks/{task_id}/cancel")
    answer = await http.post(f"/tasks/{task_id}/cancel")
    assert (answer.status_code, code_of(answer)) == (409, "INVALID_STATE_TRANSITION")
    assert {"key": "status", "value": "CANCELED"} in answer.json()["problem"]["references"]


async def test_reprioritize_moves_a_waiting_task(http: httpx.AsyncClient) -> None:
    await submitted(http, robot_id="robot-2")
    task_id = await submitted(http)
    before = (await http.get(f"/tasks/{task_id}")).json()["queue"]["position"]
    answer = await http.post(f"/tasks/{task_id}/reprioritize", json={"priority": 99})
    assert answer.status_code == 200
    assert answer.json()["queue"]["position"] < before


async def test_replan_is_not_enabled(http: httpx.AsyncClient) -> None:
    answer = await http.post(f"/tasks/{await submitted(http)}/replan")
    assert (answer.status_code, code_of(answer)) == (422, "NOT_ENABLED")


async def test_answer_to_no_question_is_a_wrong_state(http: httpx.AsyncClient) -> None:
    answer = await http.post(f"/tasks/{await submitted(http)}/answer", json={"answer": "廚房"})
    assert (answer.status_code, code_of(answer)) == (409, "INVALID_STATE_TRANSITION")


@pytest.mark.parametrize("action", ["cancel", "replan"])
async def test_an_action_on_nothing_is_not_found(http: httpx.AsyncClient, action: str) -> None:
    answer = await http.post(f"/tasks/nobody/{action}")
    assert (answer.status_code, code_of(answer)) == (404, "TASK_NOT_FOUND")


async def test_pages_join_to_the_whole_list(http: httpx.AsyncClient) -> None:
    ids = [await submitted(http) for _ in range(5)]
    found: list[str] = []
    cursor: dict[str, str] = {}
    for _ in range(3):
        page = (await http.get("/tasks", params={"limit": 2, **cursor})).json()
        found += [task["task_id"] for task in page["tasks"]]
        cursor = {"cursor": page["next_cursor"]} if page["next_cursor"] else {}
    assert (found, cursor) == (ids[::-1], {})


async def test_lists_are_filtered(http: httpx.AsyncClient) -> None:
    wanted = await submitted(http, robot_id="robot-2", labels=["kitchen"])
    other = await submitted(http)
    await http.post(f"/tasks/{other}/cancel")
    queries: list[dict[str, Any]] = [
        {"robot_id": "robot-2"},
        {"label": "kitchen"},
        {"status": ["QUEUED", "PLANNING"]},
    ]
    for query in queries:
        page = (await http.get("/tasks", params=query)).json()
        assert [task["task_id"] for task in page["tasks"]] == [wanted], query


async def test_since_leaves_older_tasks_out(http: httpx.AsyncClient) -> None:
    await submitted(http)
    later = format_timestamp(SystemClock().now() + timedelta(minutes=1))
    assert (await http.get("/tasks", params={"since": later})).json()["tasks"] == []


@pytest.mark.parametrize(
    "query",
    [
        {"status": "LOST"},
        {"limit": 0},
        {"limit": 501},
        {"cursor": "x"},
        {"since": "yesterday"},
        {"since": "0.5"},
        {"since": "2026-03-01T12:00:00"},
    ],
)
async def test_a_bad_query_is_refused(http: httpx.AsyncClient, query: dict[str, Any]) -> None:
    answer = await http.get("/tasks", params=query)
    assert (answer.status_code, code_of(answer)) == (422, "SCHEMA_INVALID")
    assert f"/query/{next(iter(query))}" in answer.json()["detail"]


async def test_a_full_disk_is_503_and_promises_nothing(
    http: httpx.AsyncClient, house: House
) -> None:
    house.journal.refuses = "the disk is full"
    answer = await http.post("/tasks", json={**TASK, "task_id": "task-1"})
    assert answer.status_code == 503
    assert "retry-after" in answer.headers
    house.journal.refuses = ""
    assert (await http.get("/tasks/task-1")).status_code == 404


@pytest.mark.parametrize("asked", ["cafe\u0301", "caf\u00e9", "  caf\u00e9 "])
async def test_a_label_is_asked_for_as_it_is_stored(http: httpx.AsyncClient, asked: str) -> None:
    wanted = await submitted(http, labels=["cafe\u0301"])
    found = (await http.get("/tasks", params={"label": asked})).json()["tasks"]
    assert [one["task_id"] for one in found] == [wanted]


@pytest.mark.parametrize("asked", ["\x00", "a\x00b", "", " ", "x" * 257])
async def test_a_label_that_no_task_can_have_is_refused(
    http: httpx.AsyncClient, asked: str
) -> None:
    answer = await http.get("/tasks", params={"label": asked})
    assert (answer.status_code, code_of(answer)) == (422, "SCHEMA_INVALID")
