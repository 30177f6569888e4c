"""The seed's command line, with real signals."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import httpx
import pytest

from tests.api.live import until_line
from tests.api.test_tasks import submitted
from tests.fakes.mosquitto import free_port
from tests.fakes.waiting import DEADLINE_S

ROOT: Final = Path(__file__).parents[2]


@asynccontextmanager
async def uvicorn_on(port: int) -> AsyncIterator[asyncio.subprocess.Process]:
    arguments = ["tests.api.alone_app:app", "--host", "127.0.0.1", "--port", str(port)]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "uvicorn", *arguments, "--log-level", "warning", cwd=ROOT
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def until_ready(http: httpx.AsyncClient) -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                if (await http.get("/readyz")).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.05)


@pytest.mark.slow
async def test_sigterm_ends_open_streams_and_the_process() -> None:
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    async with uvicorn_on(port) as process, httpx.AsyncClient(base_url=address) as http:
        await until_ready(http)
        task_id = await submitted(http)
        async with http.stream("GET", f"/tasks/{task_id}/events") as answer:
            lines = answer.aiter_lines()
            await until_line("event: status", lines)
            process.terminate()
            async with asyncio.timeout(DEADLINE_S):
                rest = [line async for line in lines]
        await asyncio.wait_for(process.wait(), DEADLINE_S)
    assert "event: plan" not in rest
