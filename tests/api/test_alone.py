"""``uvicorn planner_node.api.app:app``: the application that builds its own node."""

import asyncio
import logging
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx
import pytest

from planner_node.api.alone import lifespan_of
from planner_node.api.app import assemble
from planner_node.api.ports import ApiParts, Hall, Limits
from tests.api.house import House
from tests.api.test_generate import SEED_GENERATE
from tests.fakes.waiting import DEADLINE_S, until


@dataclass
class Node:
    """A node whose model loads until the test lets it be ready."""

    api_parts: ApiParts
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    failure: Exception | None = None
    stopped: bool = False

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        await self.ready.wait()
        if self.failure:
            raise self.failure
        yield
        self.stopped = True


@dataclass
class Alone:
    http: httpx.AsyncClient
    node: Node
    hall: Hall


@pytest.fixture
async def alone(house: House) -> AsyncIterator[Alone]:
    hall, node = Hall(Limits()), Node(house.parts)
    lifespan = lifespan_of(hall, lambda _: node)
    app = assemble(hall, lifespan)
    transport = httpx.ASGITransport(app)
    async with (
        lifespan(app),
        httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http,
    ):
        yield Alone(http, node, hall)


async def ready(alone: Alone) -> None:
    alone.node.ready.set()
    await until(lambda: alone.hall.built is not None)


async def test_the_door_is_open_while_the_model_loads(alone: Alone) -> None:
    assert (await alone.http.get("/healthz")).status_code == 200
    answer = await alone.http.get("/readyz")
    assert (answer.status_code, answer.json()["checks"][0]["ready"]) == (503, False)


@pytest.mark.parametrize("path", ["/generate", "/tasks"])
async def test_work_is_refused_while_the_model_loads(alone: Alone, path: str) -> None:
    answer = await alone.http.post(
        path, json={**SEED_GENERATE, "instruction": "走", "robot_id": "r"}
    )
    assert (answer.status_code, answer.json()["problem"]["code"]) == (503, "MODEL_NOT_READY")
    assert "retry-after" in answer.headers


async def test_a_ready_node_answers(alone: Alone) -> None:
    await ready(alone)
    assert (await alone.http.get("/readyz")).status_code == 200
    assert (await alone.http.post("/generate", json=SEED_GENERATE)).status_code == 200


async def test_a_node_that_cannot_run_says_why(alone: Alone) -> None:
    alone.node.failure = ExceptionGroup("rooms", [RuntimeError("no such weights")])
    alone.node.ready.set()
    await until(lambda: "weights" in alone.hall.reason)
    assert "no such weights" in (await alone.http.get("/readyz")).json()["checks"][0]["reason"]


async def test_leaving_stops_the_node(house: House) -> None:
    hall, node = Hall(Limits()), Node(house.parts)
    node.ready.set()
    lifespan = lifespan_of(hall, lambda _: node)
    async with asyncio.timeout(DEADLINE_S), lifespan(assemble(hall, lifespan)):
        await until(lambda: hall.built is not None)
    assert (node.stopped, hall.built) == (True, None)


@pytest.mark.parametrize(("keys", "warnings"), [("[]", 1), ('["correct horse"]', 0)])
async def test_an_open_door_is_warned_of(
    house: House,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    *,
    keys: str,
    warnings: int,
) -> None:
    monkeypatch.setenv("PLANNER__HTTP__API_KEYS", keys)
    hall, node = Hall(Limits()), Node(house.parts)
    lifespan = lifespan_of(hall, lambda _: node)
    with caplog.at_level(logging.WARNING):
        async with lifespan(assemble(hall, lifespan)):
            pass
    assert sum("without API keys" in line for line in caplog.messages) == warnings


def test_importing_the_application_loads_no_model() -> None:
    code = (
        "import sys, planner_node.api.app as door;"
        "print(door.app is not None, 'torch' in sys.modules, 'transformers' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["True", "False", "False"]
