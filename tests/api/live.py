"""A real server on a free port, for what only real sockets show."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from starlette.types import ASGIApp

from tests.fakes.waiting import DEADLINE_S


@asynccontextmanager
async def serving(app: ASGIApp) -> AsyncIterator[str]:
    """Serve the application and yield its address."""
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", lifespan="off")
    server = _Server(config)
    task = asyncio.create_task(server.serve(), name="test.server")
    try:
        await asyncio.wait_for(server.listening.wait(), DEADLINE_S)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await asyncio.wait_for(task, DEADLINE_S)


async def until_line(wanted: str, lines: AsyncIterator[str]) -> None:
    """Read an answer's lines up to this one."""
    async with asyncio.timeout(DEADLINE_S):
        while await anext(lines) != wanted:
            pass


class _Server(uvicorn.Server):
    """Leaves signals alone, and says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals belong to pytest."""
        yield

    async def startup(self, sockets: list[object] | None = None) -> None:
        await super().startup(sockets)  # type: ignore[arg-type]  # only ever None here
        self.listening.set()
