"""Takes tasks from the queue while there is room, and stops in good order."""

import asyncio
import logging
from typing import Final

from planner_node.planner.desk import Desk
from planner_node.planner.leash import Leash, Pull
from planner_node.planner.run import Run
from planner_node.tasks.ready import Waiting

log = logging.getLogger(__name__)
_TO_THE_DOOR_S: Final = 5.0  # a pulled run needs one engine step and one commit


class Shift:
    """Plans up to ``queue.running`` tasks at once, one a robot."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._draining = False
        self._held = False  # there is no model yet
        self._paused = False
        self._losses = 0  # runs in a row that found no model
        self._waking: asyncio.TimerHandle | None = None  # from our patience with the door
        self._idle = asyncio.Event()
        self._idle.set()

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._desk.deadlines.run(), name="planner.deadlines")
            while True:
                self._desk.work.clear()
                while (waiting := self._next()) is not None:
                    self._start(group, waiting)
                await self._desk.work.wait()

    async def drain(self, grace_s: float) -> None:
        """Take nothing more; after ``grace_s`` the rest goes back to the queue."""
        self._draining = True
        if await self._is_idle_within(grace_s):
            return
        for leash in self._desk.running.values():
            leash.pull(Pull.DRAIN)
        if not await self._is_idle_within(_TO_THE_DOOR_S):
            log.warning("! %d plans did not let go in time", len(self._desk.running))

    def hold(self) -> None:
        """Take nothing until ``open``; deadlines pass all the same."""
        self._held = True

    def open(self) -> None:
        """Take what has gathered."""
        self._held = False
        self._desk.work.set()

    def _next(self) -> Waiting | None:
        busy = len(self._desk.running) >= self._desk.parts.queue.running
        shut = self._draining or self._held or self._paused
        if busy or shut or not len(self._desk.queue) or self._is_patient():
            return None
        if (waiting := self._desk.queue.take()) is not None:
            self._desk.crowd.begun(asyncio.get_running_loop().time())
        return waiting

    def _is_patient(self) -> bool:
        """Whether the next plan waits for the crowd at the door; looks again by itself."""
        loop = asyncio.get_running_loop()
        patience_s = self._desk.crowd.patience_s(loop.time())
        if patience_s > 0 and (self._waking is None or self._waking.when() <= loop.time()):
            self._waking = loop.call_later(patience_s, self._desk.work.set)
        return patience_s > 0

    def _start(self, group: asyncio.TaskGroup, waiting: Waiting) -> None:
        leash = self._desk.running[waiting.task_id] = Leash()
        self._idle.clear()
        group.create_task(self._plan(waiting, leash), name=f"planner[{waiting.task_id}]")

    async def _plan(self, waiting: Waiting, leash: Leash) -> None:
        run = Run(self._desk, waiting.task_id, leash)
        try:
            await run.plan()
        finally:
            del self._desk.running[waiting.task_id]
            self._desk.queue.release(waiting.robot_id)
            self._count_loss(lost_model=run.lost_model)
            self._desk.work.set()
            if not self._desk.running:
                self._idle.set()

    def _count_loss(self, *, lost_model: bool) -> None:
        """Let a model that went away come back, instead of burning every task's attempts."""
        if not lost_model:
            self._losses = 0
            return
        self._losses += 1
        if not self._paused:
            self._paused = True
            delay_s = self._desk.parts.backoff.delay_s(self._losses)
            asyncio.get_running_loop().call_later(delay_s, self._resume)

    def _resume(self) -> None:
        self._paused = False
        self._desk.work.set()

    async def _is_idle_within(self, limit_s: float) -> bool:
        try:
            async with asyncio.timeout(limit_s):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True
