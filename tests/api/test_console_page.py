"""The page at work: its own script, in Node.js, at a real server."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from planner_node.api.app import create_app
from planner_node.api.ports import ApiParts, Check
from planner_node.node.http import http_server
from planner_node.settings import HttpSettings
from tests.api.house import House
from tests.fakes.completion import SEED_PLAN
from tests.fakes.mosquitto import free_port
from tests.fakes.waiting import DEADLINE_S

NODE: Final = shutil.which("node")
SCRIPT: Final = Path(__file__).with_name("console_page.js")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(NODE is None, reason="a browser's script needs Node.js"),
]


class Page:
    """The page as somebody sees it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    def act(self, element: str) -> None:
        """Click a button, or submit a form."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{element}\n".encode())

    async def until(self, fact: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        """Wait until the fact holds for what the page shows."""
        assert self._process.stdout is not None
        async with asyncio.timeout(DEADLINE_S):
            while True:
                shown: dict[str, Any] = json.loads(await self._process.stdout.readline())
                if fact(shown):
                    return shown


@asynccontextmanager
async def page_at(address: str, language: str = "en") -> AsyncIterator[Page]:
    process = await asyncio.create_subprocess_exec(
        str(NODE),
        str(SCRIPT),
        address,
        language,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield Page(process)
    finally:
        process.kill()
        await process.communicate()


@asynccontextmanager
async def served(house: House, port: int = 0) -> AsyncIterator[tuple[str, ApiParts]]:
    """Serve the house, and stop as the node does."""
    parts = house.parts
    app = create_app(parts, house.limits)
    async with http_server(HttpSettings(port=port), app) as address:
        yield address, parts
        parts.closing.set()


async def test_the_page_follows_a_task_beyond_a_restart_of_the_node(house: House) -> None:
    port = free_port()
    async with AsyncExitStack() as stack:
        async with served(house, port) as (address, _):
            page = await stack.enter_async_context(page_at(address))
            await page.until(lambda shown: shown["ready"] == "ready")
            page.act("form")
            await page.until(lambda shown: shown["state"] == "QUEUED")
        await page.until(lambda shown: shown["ready"] == "unreachable")
        async with served(house, port):
            house.work()
            shown = await page.until(lambda shown: shown["state"] == "PLANNED")
    assert shown["steps"] == [task for task, _ in SEED_PLAN]


async def test_the_page_shows_what_an_action_is_answered(house: House) -> None:
    async with served(house) as (address, parts), page_at(address) as page:
        parts.closing.set()  # no event comes
        page.act("form")
        await page.until(lambda shown: shown["state"] == "QUEUED")
        page.act("cancel")
        await page.until(lambda shown: shown["state"] == "CANCELED")


async def test_the_page_says_in_its_language_why_the_node_is_not_ready(house: House) -> None:
    house.checks[:] = [Check("model", ready=False, reason="the model is loading")]
    async with served(house) as (address, _), page_at(address, "zh-TW") as page:
        shown = await page.until(lambda shown: shown["ready"])
    assert shown["ready"] == "尚未就緒: 模型載入中"
