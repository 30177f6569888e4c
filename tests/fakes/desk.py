"""A planner for the MQTT door's tests: remembers what it was asked, fails as it is told."""

import asyncio
from dataclasses import dataclass, field

from messages.problem import Problem
from messages.task import TaskCommand, TaskControl
from planner_node.tasks.record import Origin, Reply


@dataclass
class Idle:
    """Nothing to do."""

    queue_depth: int = 0
    running: int = 0


@dataclass
class RecordingPlanner:
    """``failures`` are raised by the next calls of ``submit`` and ``control``, one each."""

    failures: list[Exception] = field(default_factory=list)
    refusal_failures: list[Exception] = field(default_factory=list)
    submitted: list[tuple[TaskCommand, Origin]] = field(default_factory=list)
    controlled: list[tuple[TaskControl, Origin]] = field(default_factory=list)
    refused: list[tuple[Problem, Origin, str | None, bool]] = field(default_factory=list)
    refused_commands: list[TaskCommand | None] = field(default_factory=list)
    reported: list[Problem] = field(default_factory=list)
    reported_to: list[Reply | None] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    load: Idle = field(default_factory=Idle)

    def __post_init__(self) -> None:
        self.gate.set()

    async def submit(self, command: TaskCommand, origin: Origin) -> None:
        self.calls.append(f"submit {command.task_id}")
        await self.gate.wait()
        self._fail()
        self.submitted.append((command, origin))

    async def control(self, control: TaskControl, origin: Origin) -> None:
        self.calls.append(f"control {control.task_id}")
        self._fail()
        self.controlled.append((control, origin))

    async def refuse(
        self,
        problem: Problem,
        origin: Origin,
        task_id: str | None,
        *,
        is_control: bool = False,
        command: TaskCommand | None = None,
    ) -> None:
        if self.refusal_failures:
            raise self.refusal_failures.pop(0)
        self.refused.append((problem, origin, task_id, is_control))
        self.refused_commands.append(command)

    async def report(self, problem: Problem, reply: Reply | None = None) -> None:
        self.reported.append(problem)
        self.reported_to.append(reply)

    def _fail(self) -> None:
        if self.failures:
            raise self.failures.pop(0)
