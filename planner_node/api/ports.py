"""What the HTTP door needs from the rest of the house, as Protocols and small facts."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from messages.plan import SubtaskList
from messages.status import NodeInfo, TaskStatus
from messages.task import TaskCommand, TaskControl
from planner_node.clock import Clock, SystemClock
from planner_node.completion.request import Completer, ToolCall
from planner_node.errors import ModelNotReady
from planner_node.settings import GenerationSettings, HttpSettings
from planner_node.tasks.record import Origin, StoredEvent, TaskFilter, TaskRecord


class Submission(Protocol):
    """The planner's word on a command; ``is_new`` False means an identical task was there."""

    @property
    def record(self) -> TaskRecord: ...
    @property
    def is_new(self) -> bool: ...


class Load(Protocol):
    """How busy the planner is."""

    @property
    def queue_depth(self) -> int: ...
    @property
    def running(self) -> int: ...


class TaskPlanner(Protocol):
    """The one path of a task, shared with the MQTT door."""

    @property
    def load(self) -> Load: ...

    async def submit(self, command: TaskCommand, origin: Origin) -> Submission: ...
    async def control(self, control: TaskControl, origin: Origin) -> TaskRecord: ...
    async def task(self, task_id: str) -> TaskRecord: ...
    async def tasks(self, filter: TaskFilter) -> Sequence[TaskRecord]: ...  # noqa: A002  planner's name
    async def status_of(self, record: TaskRecord) -> TaskStatus: ...
    async def plan(self, task_id: str) -> SubtaskList | None: ...
    def watch(self, task_id: str, after_id: int = 0) -> AsyncGenerator[StoredEvent, None]: ...


class ToolDispatcher(Protocol):
    """The tool registry: does what a call asks for, where a function is registered for it."""

    def handles(self, tool_name: str) -> bool: ...
    async def dispatch(self, call: ToolCall) -> object: ...


@dataclass(frozen=True, slots=True)
class Check:
    """One condition of readiness, with the reason where it fails, or holds with less than all."""

    name: str
    ready: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Measure:
    """One number for the metrics page; labels never carry ids.

    Of a histogram the value is the sum, and ``buckets`` are upper bounds with how many are within.
    """

    name: str
    help: str
    value: float
    kind: Literal["gauge", "counter", "histogram"] = "gauge"
    labels: Mapping[str, str] = field(default_factory=dict)
    buckets: Sequence[tuple[float, int]] = ()


def _nothing() -> tuple[Measure, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class ApiParts:
    """What the routes work with once the node is built.

    ``completer`` is asked for on every request, so that it may raise ModelNotReady while the
    weights load. ``readiness`` is asked on every /readyz. Setting ``closing`` ends the events
    of tasks, which have no end of their own and can be resumed.
    """

    planner: TaskPlanner
    completer: Callable[[], Completer]
    readiness: Callable[[], Iterable[Check]]
    info: Callable[[], NodeInfo]
    tools: ToolDispatcher | None = None
    measures: Callable[[], Iterable[Measure]] = _nothing
    clock: Clock = field(default_factory=SystemClock)
    closing: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True, slots=True)
class Limits:
    """What the settings allow a client; known before anything else is."""

    http: HttpSettings = field(default_factory=HttpSettings)
    generation: GenerationSettings = field(default_factory=GenerationSettings)
    mqtt_root: str = "planner/v1"
    keys: tuple[bytes, ...] = ()


@dataclass(slots=True)
class Hall:
    """Where routes find the house; empty while the node is being built behind an open door."""

    limits: Limits
    built: ApiParts | None = None
    reason: str = "the node is starting"

    @property
    def parts(self) -> ApiParts:
        """The built house.

        Raises:
            ModelNotReady: the node is still being built, or could not be.
        """
        if self.built is None:
            raise ModelNotReady(self.reason)
        return self.built

    def checks(self) -> list[Check]:
        """Return every condition of readiness as it is now."""
        if self.built is None:
            return [Check("node", ready=False, reason=self.reason)]
        return list(self.built.readiness())
