"""What a client reads when the node stops while its answer is being written."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import httpx
import pytest

from planner_node.api.openapi import Service
from planner_node.completion.request import FinishReason
from planner_node.node.http import http_server
from planner_node.settings import HttpSettings
from tests.api.live import until_line
from tests.api.test_generate import SEED_GENERATE
from tests.api.test_streaming import chunks_of, events
from tests.api.test_tasks import submitted
from tests.fakes.completion import NUMBERED_LIST, Script, ScriptedCompleter
from tests.fakes.waiting import DEADLINE_S, until

STREAMED: dict[str, Any] = {**SEED_GENERATE, "stream": True}


@pytest.fixture
def held(completer: ScriptedCompleter) -> Script:
    """A generation that stands still in the middle."""
    completer.default = Script(NUMBERED_LIST, FinishReason.STOP, hold_after=14)
    return completer.default


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the server wait for nobody."""
    monkeypatch.setattr("planner_node.node.http._GRACE_S", 0)


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=DEADLINE_S) as made:
        yield made


async def stopped_while_asked(
    app: Service, client: httpx.AsyncClient, request: dict[str, Any], held: Script
) -> httpx.Response:
    """Stop the server once the generation has begun; return what came of the request."""
    async with http_server(HttpSettings(port=0), app) as address:
        headers = {"Accept-Language": "zh-TW"}
        post = client.post(f"{address}/generate", json=request, headers=headers)
        asking = asyncio.create_task(post)
        await asyncio.wait_for(held.held.wait(), DEADLINE_S)
    return await asyncio.wait_for(asking, DEADLINE_S)


async def open_when_deaf(address: str, gate: asyncio.Event) -> None:
    """Let the generation go on once the server takes no more connections."""
    url = httpx.URL(address)
    async with asyncio.timeout(DEADLINE_S):
        with suppress(OSError):
            while True:
                _, writer = await asyncio.open_connection(url.host, url.port)
                writer.close()
                await writer.wait_closed()
    gate.set()


@pytest.mark.usefixtures("impatient")
async def test_a_stop_answers_what_it_cuts_off(
    app: Service, client: httpx.AsyncClient, completer: ScriptedCompleter, held: Script
) -> None:
    answer = await stopped_while_asked(app, client, SEED_GENERATE, held)
    body = answer.json()
    assert (answer.status_code, set(body)) == (503, {"problem", "detail"})
    assert body["problem"]["code"] == "MODEL_NOT_READY"
    assert "推論引擎已停止" in body["detail"]
    assert int(answer.headers["retry-after"]) > 0
    await until(lambda: completer.left)


@pytest.mark.usefixtures("impatient")
async def test_a_stop_says_goodbye_in_a_stream(
    app: Service, client: httpx.AsyncClient, completer: ScriptedCompleter, held: Script
) -> None:
    answer = await stopped_while_asked(app, client, STREAMED, held)
    *told, (kind, data), last = events(answer.text)
    assert {name for name, _ in told} == {"message"}
    assert (kind, json.loads(data)["problem"]["code"]) == ("error", "MODEL_NOT_READY")
    assert "推論引擎已停止" in json.loads(data)["detail"]
    assert last == ("message", "[DONE]")
    await until(lambda: completer.left)


@pytest.mark.parametrize("request_body", [SEED_GENERATE, STREAMED], ids=["whole", "streamed"])
async def test_a_stop_waits_for_what_is_soon_complete(
    app: Service, client: httpx.AsyncClient, held: Script, request_body: dict[str, Any]
) -> None:
    async with http_server(HttpSettings(port=0), app) as address:
        asking = asyncio.create_task(client.post(f"{address}/generate", json=request_body))
        await asyncio.wait_for(held.held.wait(), DEADLINE_S)
        app.state.hall.parts.closing.set()  # as the node does before its server stops
        opening = asyncio.create_task(open_when_deaf(address, held.gate))
    await opening
    answer = await asyncio.wait_for(asking, DEADLINE_S)
    body = answer.json() if request_body is SEED_GENERATE else chunks_of(answer.text)[-1]["answer"]
    assert (body["content"], body["finish_reason"]) == (NUMBERED_LIST, "stop")


async def test_a_stop_ends_the_events_of_a_task_at_once(
    app: Service, client: httpx.AsyncClient
) -> None:
    async with http_server(HttpSettings(port=0), app) as address:
        client.base_url = httpx.URL(address)
        task_id = await submitted(client)
        async with client.stream("GET", f"/tasks/{task_id}/events") as answer:
            lines = answer.aiter_lines()
            await until_line("event: status", lines)
            app.state.hall.parts.closing.set()
            rest = [line async for line in lines]
    assert "event: error" not in rest
