"""Several engines over one model, each in a thread of its own, that are asked as one.

A request goes to the engine that has the fewest, and stays there: its keys and values are in that
engine's slots. Of equals the first is taken, so that work that one engine can do is done by one,
which has seen the most plans to guess along.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import astuple
from typing import Self

from planner_node.engine.core import Engine
from planner_node.engine.limits import EngineStats
from planner_node.engine.request import Event, Request
from planner_node.engine.worker import EngineWorker


class EngineTeam:
    """A ``TokenEngine`` over engines that ``build`` returns, one at least.

    It is called in the first one's thread, for it takes long. When one engine dies, all have ended.
    """

    def __init__(self, build: Callable[[], list[Engine]]) -> None:
        self._build = build
        self._engines: list[Engine] = []
        self._workers = [EngineWorker(self._build_all)]
        self._open: dict[str, int] = {}  # the ids of requests → the worker that has them

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Build the engines and start their threads; raise what ``build`` raises."""
        await self._workers[0].start()
        self._workers += [_worker_of(engine) for engine in self._engines[1:]]
        await asyncio.gather(*(worker.start() for worker in self._workers[1:]))

    async def stop(self) -> None:
        """End all threads after their current steps; requests that still run end as canceled."""
        await asyncio.gather(*(worker.stop() for worker in self._workers))

    async def wait_ended(self) -> None:
        """Return when all engines were stopped; raise ``EngineDied`` when one died."""
        waits = [asyncio.ensure_future(worker.wait_ended()) for worker in self._workers]
        try:
            await asyncio.gather(*waits)
        finally:
            for wait in waits:
                wait.cancel()

    @property
    def alive(self) -> bool:
        """Whether requests are taken now."""
        return all(worker.alive for worker in self._workers)

    def stats(self) -> EngineStats:
        """Return the sums of the engines' counters."""
        each = [astuple(worker.stats()) for worker in self._workers]
        return EngineStats(*(sum(numbers) for numbers in zip(*each, strict=True)))

    async def generate(self, request: Request) -> AsyncGenerator[Event, None]:
        """Yield the request's events; the last one has ``finished`` set. See ``TokenEngine``."""
        if request.request_id in self._open:
            raise ValueError(f"request id {request.request_id} is in use")
        place = self._open[request.request_id] = self._least_busy()
        try:
            async with aclosing(self._workers[place].generate(request)) as events:
                async for event in events:
                    yield event
        finally:
            del self._open[request.request_id]

    def _least_busy(self) -> int:
        """Return the place of the worker with the fewest requests; a dead one says why it is."""
        busy = Counter(self._open.values())
        return min(range(len(self._workers)), key=lambda n: (self._workers[n].alive, busy[n]))

    def _build_all(self) -> Engine:
        self._engines = self._build()
        return self._engines[0]


def _worker_of(engine: Engine) -> EngineWorker:
    return EngineWorker(lambda: engine)
