"""A client that goes away stops its generation; the others are not disturbed."""

import asyncio

import httpx
import pytest

from planner_node.api.openapi import Service
from planner_node.completion.request import FinishReason
from tests.api.live import serving
from tests.api.test_generate import SEED_GENERATE
from tests.fakes.completion import NUMBERED_LIST, Script, ScriptedCompleter
from tests.fakes.waiting import DEADLINE_S, until


@pytest.fixture
def held(completer: ScriptedCompleter) -> Script:
    """A generation that stands still in the middle."""
    completer.scripts["將刀子"] = Script(NUMBERED_LIST, FinishReason.STOP, hold_after=14)
    return completer.scripts["將刀子"]


async def test_a_client_that_leaves_stops_its_generation(
    app: Service, completer: ScriptedCompleter, held: Script
) -> None:
    async with serving(app) as address, httpx.AsyncClient(base_url=address) as client:
        asking = asyncio.create_task(client.post("/generate", json=SEED_GENERATE))
        await asyncio.wait_for(held.held.wait(), DEADLINE_S)
        asking.cancel()
        await until(lambda: bool(completer.left))
        assert not completer.running


async def test_a_client_that_leaves_a_stream_stops_its_generation(
    app: Service, completer: ScriptedCompleter, held: Script
) -> None:
    async with serving(app) as address, httpx.AsyncClient(base_url=address) as client:
        request = {**SEED_GENERATE, "stream": True}
        async with client.stream("POST", "/generate", json=request) as answer:
            await anext(answer.aiter_lines())
            await asyncio.wait_for(held.held.wait(), DEADLINE_S)
        await until(lambda: bool(completer.left))
        assert not completer.running


async def test_generation_does_not_block_other_requests(
    http: httpx.AsyncClient, held: Script
) -> None:
    asking = asyncio.create_task(http.post("/generate", json=SEED_GENERATE))
    await asyncio.wait_for(held.held.wait(), DEADLINE_S)
    assert (await http.get("/healthz")).status_code == 200
    held.gate.set()
    assert (await asking).status_code == 200
