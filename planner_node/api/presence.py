"""Work that is worth doing only while somebody waits for it."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.requests import Request

Result = TypeVar("Result")


class ClientGone(Exception):
    """The client closed the connection; nobody reads the answer."""


async def while_present(request: Request, work: Coroutine[Any, Any, Result]) -> Result:
    """Run ``work`` until it ends or the client leaves; who leaves cancels it.

    The body must have been read: what arrives after it is only the news of leaving.

    Raises:
        ClientGone: the client left first; ``work`` has been cancelled and has ended.
    """
    job = asyncio.create_task(work, name="api.work")
    leaving = asyncio.create_task(_departure(request), name="api.presence")
    try:
        await asyncio.wait({job, leaving}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        finished = job.done()
        await _stop(leaving, job)
    if not finished:
        raise ClientGone
    return job.result()


async def _departure(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _stop(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
