"""The planner as production builds it, over a journal in memory and a scripted model."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from messages.task import ControlOp, TaskCommand, TaskControl
from planner_node.clock import Clock, SystemClock
from planner_node.completion.request import Completer
from planner_node.planner.backoff import Backoff
from planner_node.planner.handlers import ToolRegistry
from planner_node.planner.planner import Planner, PlannerParts, Submission
from planner_node.planner.ports import TaskJournal
from planner_node.settings import GenerationSettings, PlannerSettings, QueueSettings
from planner_node.tasks.record import EventKind, Origin, StoredEvent, TaskRecord
from tests.fakes.catalog import shipped_catalog
from tests.fakes.completion import ScriptedCompleter
from tests.fakes.journal import MemoryJournal

ROBOT = "robot-1"
QUICK = Backoff(first_s=0.001, longest_s=0.01)

HallMaker = Callable[["Hall"], Awaitable["Hall"]]


@dataclass
class Hall:
    """One planner at work; ``planner`` is the real thing."""

    completer: Completer = field(default_factory=ScriptedCompleter)
    journal: MemoryJournal = field(default_factory=MemoryJournal)
    clock: Clock = field(default_factory=SystemClock)
    handlers: ToolRegistry = field(default_factory=ToolRegistry)
    settings: PlannerSettings = field(default_factory=PlannerSettings)
    queue: QueueSettings = field(default_factory=QueueSettings)
    generation: GenerationSettings = field(default_factory=GenerationSettings)
    works: bool = True  # False: tasks wait until ``go_to_work``
    parts: PlannerParts = field(init=False)
    planner: Planner = field(init=False)
    _work: asyncio.Task[None] | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        known: TaskJournal = self.journal
        self.parts = PlannerParts(
            node_id="planner-1",
            journal=known,
            completer=self.completer,
            catalog=shipped_catalog(),
            handlers=self.handlers,
            clock=self.clock,
            planner=self.settings,
            queue=self.queue,
            generation=self.generation,
            backoff=QUICK,
        )
        self.planner = Planner(self.parts)

    async def open(self) -> None:
        """Recover, and go to work unless the hall was built with ``works=False``."""
        await self.planner.start()
        if self.works:
            self.go_to_work()

    def go_to_work(self) -> None:
        """Take tasks from the queue from now on."""
        self._work = asyncio.create_task(self.planner.run(), name="hall")

    async def close(self) -> None:
        """Stop at once, as a killed node does."""
        if self._work is not None:
            self._work.cancel()
            with suppress(asyncio.CancelledError):
                await self._work

    async def submit(
        self, task_id: str | None = None, *, robot_id: str = ROBOT, **fields: object
    ) -> Submission:
        """Send a command as the robot's topic would."""
        return await self.submit_as(Origin(robot_id=robot_id), task_id, **fields)

    async def submit_as(
        self, origin: Origin, task_id: str | None = None, **fields: object
    ) -> Submission:
        """Send a command as it came in by ``origin``."""
        asked = {"instruction": "將書本放在側桌上。", "task_id": task_id, **fields}
        return await self.planner.submit(TaskCommand.model_validate(asked), origin)

    async def say(
        self, op: str, task_id: str, *, robot_id: str = ROBOT, **fields: object
    ) -> TaskRecord:
        """Send a control as the robot's topic would."""
        asked = {"op": ControlOp(op), "task_id": task_id, **fields}
        word = TaskControl.model_validate(asked)
        return await self.planner.control(word, Origin(robot_id=robot_id))

    async def until(self, task_id: str, state: str) -> TaskRecord:
        """Wait until the task is in this state."""
        return await self.until_record(task_id, lambda record: record.state == state)

    async def until_record(self, task_id: str, fits: Callable[[TaskRecord], bool]) -> TaskRecord:
        """Wait until the task's journalled record fits."""
        news = asyncio.Event()
        stop_listening = self.journal.listen(lambda _: news.set())
        try:
            async with asyncio.timeout(10):
                while not fits(self.journal.records[task_id]):
                    news.clear()
                    await news.wait()
        finally:
            stop_listening()
        return self.journal.records[task_id]

    def said(self, task_id: str, kind: EventKind | None = None) -> list[dict[str, Any]]:
        """Return what was said of a task, first to last, without what was said again."""
        return [
            json.loads(stored.event.payload)
            for stored in self.log(task_id)
            if stored.replay_of is None and kind in {None, stored.event.kind}
        ]

    def log(self, task_id: str) -> list[StoredEvent]:
        """Return the task's stored events."""
        return [one for one in self.journal.log.values() if one.event.task_id == task_id]

    def states(self, task_id: str) -> list[str]:
        """Return the states that were told, first to last."""
        return [status["status"] for status in self.said(task_id, EventKind.STATUS)]
