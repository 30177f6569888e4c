"""A door without a network: the real application over fakes of the rooms behind it."""

from collections.abc import AsyncIterator

import httpx
import pytest

from planner_node.api.app import create_app
from planner_node.api.openapi import Service
from tests.api.house import House, a_house
from tests.fakes.completion import ScriptedCompleter


@pytest.fixture
def completer() -> ScriptedCompleter:
    return ScriptedCompleter()


@pytest.fixture
async def house(completer: ScriptedCompleter) -> AsyncIterator[House]:
    async with a_house(completer) as built:
        yield built


@pytest.fixture
def app(house: House) -> Service:
    return create_app(house.parts, house.limits)


@pytest.fixture
async def http(app: Service) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        yield client
