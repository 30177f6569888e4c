"""Every refusal has one shape, one status by its code, and words in two languages."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from messages.problem import ProblemCode
from planner_node.api import refusals
from planner_node.api.app import create_app
from planner_node.api.ports import Check
from planner_node.api.refusals import STATUS
from planner_node.errors import JournalLost
from planner_node.settings import HttpSettings
from tests.api.house import House, a_house
from tests.api.test_generate import SEED_FUNCTION, SEED_GENERATE
from tests.fakes.completion import ScriptedCompleter

MESSAGES = SEED_GENERATE["messages"]


def problem_of(answer: httpx.Response) -> dict[str, Any]:
    assert set(answer.json()) == {"problem", "detail"}
    problem: dict[str, Any] = answer.json()["problem"]
    return problem


@pytest.mark.parametrize("code", ProblemCode)
def test_every_code_has_a_status(code: ProblemCode) -> None:
    assert 400 <= STATUS[code] < 600


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "Expecting value"),
        (b"nonsense", "Expecting value"),
        (b"{", "Expecting"),
        (b"\xff\xfe", "not UTF-8"),
        (b'{"messages": [], "messages": []}', "duplicate key"),
        (b'{"temperature": NaN}', "NaN"),
        (b'{"a": ' + b"[" * 10_000 + b"}", "nested deeper"),
        (b'{"a": "\\ud800"}', "surrogate"),
    ],
)
@pytest.mark.parametrize("path", ["/generate", "/generate_with_function", "/tasks"])
async def test_malformed_json_is_400(
    http: httpx.AsyncClient, path: str, body: bytes, reason: str
) -> None:
    answer = await http.post(path, content=body)
    assert (answer.status_code, problem_of(answer)["code"]) == (400, "MALFORMED_JSON")
    assert reason in answer.json()["detail"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"messages": []}, "/messages"),
        ({"messages": "hello"}, "/messages"),
        ({"messages": [{"role": "user"}]}, "/messages/0/content"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "/messages/0/role"),
        ({"messages": [{"role": "user", "content": 3}]}, "/messages/0/content"),
        ({"messages": MESSAGES * 200}, "/messages"),
        ({"max_new_tokens": 0}, "/max_new_tokens"),
        ({"max_new_tokens": -1}, "/max_new_tokens"),
        ({"max_new_tokens": "256"}, "/max_new_tokens"),
        ({"max_new_tokens": 10**9}, "max_new_tokens must be from 1 to 4096"),
        ({"temperature": -0.1}, "/temperature"),
        ({"top_p": 0}, "/top_p"),
        ({"seed": -1}, "/seed"),
        ({"stream": "yes"}, "/stream"),
    ],
)
async def test_a_body_that_breaks_the_schema_is_422(
    http: httpx.AsyncClient, changes: dict[str, Any], field: str
) -> None:
    answer = await http.post("/generate", json={**SEED_GENERATE, **changes})
    assert (answer.status_code, problem_of(answer)["code"]) == (422, "SCHEMA_INVALID")
    assert field in answer.json()["detail"]


@pytest.mark.parametrize(
    "changes",
    [
        {"tools": []},
        {"tools": [{"name": "a b", "parameters": {}}]},
        {"tools": [{"description": "nameless"}]},
        {"tools": [{"type": "function"}]},
        {"tools": SEED_FUNCTION["tools"] * 2},
        {"tool_choice": 3},
        {"tool_choice": {"type": "tool"}},
    ],
)
async def test_tools_that_break_the_schema_are_422(
    http: httpx.AsyncClient, changes: dict[str, Any]
) -> None:
    answer = await http.post("/generate_with_function", json={**SEED_FUNCTION, **changes})
    assert (answer.status_code, problem_of(answer)["code"]) == (422, "SCHEMA_INVALID")


@pytest.mark.parametrize(
    ("changes", "places"),
    [
        ({"tools": [{"type": "code_interpreter"}]}, ["/tools/0/name"]),
        ({"tools": [3]}, ["/tools/0"]),
        ({"tools": [{"function": {"name": "a"}}]}, ["/tools/0/type"]),
        ({"tools": [{"type": "function", "function": {}}]}, ["/tools/0/function/name"]),
        ({"tool_choice": 3}, ["/tool_choice"]),
        ({"tool_choice": {"type": "function"}}, ["/tool_choice", "/tool_choice/function"]),
    ],
)
async def test_a_refusal_names_places_that_the_body_has(
    http: httpx.AsyncClient, changes: dict[str, Any], places: list[str]
) -> None:
    answer = await http.post("/generate_with_function", json={**SEED_FUNCTION, **changes})
    assert [one["key"] for one in problem_of(answer)["references"]] == places


@pytest.mark.parametrize("number", ["9" * 31, "1e999"])
async def test_a_number_beyond_all_measure_is_422(http: httpx.AsyncClient, number: str) -> None:
    answer = await http.post("/generate", content=f'{{"max_new_tokens": {number}}}')
    assert (answer.status_code, problem_of(answer)["code"]) == (422, "SCHEMA_INVALID")


async def test_a_task_for_no_robot_names_only_the_missing_field(http: httpx.AsyncClient) -> None:
    answer = await http.post("/tasks", json={"instruction": "走"})
    assert answer.json()["detail"] == (
        "The message does not fit its schema. /robot_id: Field required"
    )
    assert problem_of(answer)["references"] == [{"key": "/robot_id", "value": "Field required"}]


async def test_an_unknown_page_is_404(http: httpx.AsyncClient) -> None:
    answer = await http.get("/nowhere")
    assert (answer.status_code, problem_of(answer)["code"]) == (404, "NOT_FOUND")
    assert "/nowhere" in str(problem_of(answer)["references"])


async def test_an_unknown_schema_is_404_with_the_reason(http: httpx.AsyncClient) -> None:
    answer = await http.get("/schemas/zz")
    assert (answer.status_code, problem_of(answer)["code"]) == (404, "NOT_FOUND")
    assert answer.json()["detail"].endswith("no message is called 'zz'; see /schemas")


async def test_a_wrong_method_is_405_and_names_the_right_one(http: httpx.AsyncClient) -> None:
    answer = await http.get("/generate")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert problem_of(answer)["code"] == "METHOD_NOT_ALLOWED"


async def test_both_methods_of_one_path_are_allowed(http: httpx.AsyncClient) -> None:
    answer = await http.delete("/tasks")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, POST")


async def test_the_detail_speaks_the_clients_language(http: httpx.AsyncClient) -> None:
    answer = await http.post("/tasks", content=b"{", headers={"Accept-Language": "zh-TW,en;q=0.5"})
    assert answer.json()["detail"].startswith("內容不是有效的 JSON。")


async def test_every_problem_is_told_in_chinese_too(http: httpx.AsyncClient) -> None:
    translations = problem_of(await http.post("/tasks", content=b"{"))["translations"]
    assert [translation["language"] for translation in translations] == ["zh-TW"]


async def test_a_full_queue_says_when_to_come_back(completer: ScriptedCompleter) -> None:
    async with a_house(completer, capacity=1) as house, client_of(house) as http:
        first = await http.post("/tasks", json={"robot_id": "r", "instruction": "走"})
        second = await http.post("/tasks", json={"robot_id": "r", "instruction": "走"})
    assert (first.status_code, second.status_code) == (202, 429)
    assert int(second.headers["retry-after"]) >= 1


async def test_a_body_over_the_limit_is_413(completer: ScriptedCompleter) -> None:
    async with (
        a_house(completer, http=HttpSettings(max_body_bytes=1_000)) as house,
        client_of(house) as http,
    ):
        answer = await http.post("/generate", content=b" " * 1_001)
    assert (answer.status_code, problem_of(answer)["code"]) == (413, "PAYLOAD_TOO_LARGE")


async def test_a_chunked_body_is_cut_at_the_limit(completer: ScriptedCompleter) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(1_000):
            sent += 100
            yield b" " * 100

    async with (
        a_house(completer, http=HttpSettings(max_body_bytes=1_000)) as house,
        client_of(house) as http,
    ):
        answer = await http.post("/generate", content=endless())
    assert answer.status_code == 413
    assert sent < 2_000


async def test_a_fault_inside_is_500_without_its_story(house: House) -> None:
    def broken() -> list[Check]:
        raise RuntimeError("secret path")

    parts = replace(house.parts, readiness=broken)
    transport = httpx.ASGITransport(create_app(parts, house.limits))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
        answer = await http.get("/readyz")
    assert (answer.status_code, problem_of(answer)["code"]) == (500, "INTERNAL")
    assert "secret" not in answer.text


def client_of(house: House) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(create_app(house.parts, house.limits))
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1")


def test_a_full_disk_is_told_with_what_to_do_in_both_languages() -> None:
    found = refusals.problem_of(JournalLost("The journal x refuses to write: disk is full"))
    assert "Free disk space" in (found.hint or "")
    assert "請釋放日誌所在磁碟的空間" in (found.translations[0].hint or "")
