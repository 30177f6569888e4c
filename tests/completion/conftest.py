"""Servers that are there, and remote engines over them."""

from collections.abc import AsyncIterator

import pytest

from tests.fakes.openai_server import OpenAiServer
from tests.fakes.remote import Remote, engine, remote_engine
from tests.fakes.waiting import until


@pytest.fixture
async def server() -> AsyncIterator[OpenAiServer]:
    async with OpenAiServer().listening() as server:
        yield server


@pytest.fixture
async def other() -> AsyncIterator[OpenAiServer]:
    async with OpenAiServer().listening() as server:
        yield server


@pytest.fixture
async def remote(server: OpenAiServer) -> AsyncIterator[Remote]:
    async with remote_engine(engine(server.url)) as remote:
        yield remote


@pytest.fixture
async def pair(server: OpenAiServer, other: OpenAiServer) -> AsyncIterator[Remote]:
    """Yield an engine over both servers, once both are well."""
    async with remote_engine(engine(server.url, other.url, health_interval_s=1)) as pair:
        await until(lambda: all(one.is_well for one in pair.model.endpoints))
        yield pair
