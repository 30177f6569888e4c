"""The seed's command line, with real signals."""

import asyncio
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import httpx
import pytest

from tests.api.test_presence import WITHIN_S
from tests.api.test_tasks import submitted

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


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


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
            async with asyncio.timeout(WITHIN_S):
                while await anext(lines) != "event: status":
                    pass
                process.terminate()
                rest = [line async for line in lines]
        await asyncio.wait_for(process.wait(), WITHIN_S)
    assert "event: plan" not in rest
