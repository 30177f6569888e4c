"""Taking TCP connections: each is served by a task, and none outlives its task or its server."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from functools import partial
from typing import Any, Final

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]]

_TURNS_OF_TAKING: Final = 2  # of the loop: a transport is made, then the handler is told of it
_END_TIMEOUT_S: Final = 1.0


@contextlib.asynccontextmanager
async def listening(handle: Handler, host: str, port: int) -> AsyncIterator[int]:
    """Serve each connection in a task of its own, for the length of the block; yields the port.

    ``asyncio.start_server`` alone leaves connections open when its loop ends: those that came
    just before, whose handlers never began, and those whose handlers do not close them.

    Raises:
        OSError: the address is in use, or not ours.
    """
    tasks: set[asyncio.Task[None]] = set()

    def admit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(handle(reader, writer), name="connection")
        tasks.add(task)
        task.add_done_callback(partial(_ended, writer))
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(admit, host, port)
    try:
        yield port_of(server)
    finally:
        await close(server)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_END_TIMEOUT_S)


async def close(server: asyncio.Server) -> None:
    """Take no more connections; what was taken just before is with its handler afterwards.

    ``Server.close`` alone fails on a connection that is taken but not yet handed over
    (CPython 3.11: an assertion, and a transport that nobody closes).
    """
    for listener in server.sockets:
        asyncio.get_running_loop().remove_reader(listener.fileno())
    for _ in range(_TURNS_OF_TAKING):
        await asyncio.sleep(0)
    server.close()


def port_of(server: asyncio.Server) -> int:
    """Return the port that a server listens on; 0 had asked for any."""
    port: int = server.sockets[0].getsockname()[1]
    return port


def _ended(writer: asyncio.StreamWriter, task: asyncio.Task[None]) -> None:
    """Close what a handler left open, and let its failure be heard."""
    writer.close()
    if not task.cancelled() and (error := task.exception()) is not None:
        told = {"message": "A connection's handler failed.", "exception": error, "task": task}
        task.get_loop().call_exception_handler(told)
