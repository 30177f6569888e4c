"""A contestant that is asked over asyncio: its loop runs only while news are waited for."""

import asyncio
from abc import ABC, abstractmethod

from benchmarks.peers.protocol import Job, News


class Looping(ABC):
    """Turns jobs that are followed by a coroutine into the steps of a seat."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._news: asyncio.Queue[News] = asyncio.Queue()
        self._tasks: dict[int, asyncio.Task[None]] = {}

    def add(self, job: Job) -> None:
        self._tasks[job.number] = self._loop.create_task(self._follow(job))

    def step(self) -> list[News]:
        return self._loop.run_until_complete(self._next())

    async def _next(self) -> list[News]:
        news = [await self._news.get()]
        while not self._news.empty():
            news.append(self._news.get_nowait())
        for piece in news:
            if piece.finished:
                await self._tasks.pop(piece.number)
        return news

    @abstractmethod
    async def _follow(self, job: Job) -> None:
        """Put what comes of the job into ``_news``, the last one marked as finished."""
