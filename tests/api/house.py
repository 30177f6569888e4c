"""The rooms behind the door: everything real but the model and the disk."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from messages.problem import ProblemCode
from messages.status import NodeInfo
from planner_node.api.ports import ApiParts, Check, Limits, Measure
from planner_node.planner.handlers import Arguments, ToolRegistry
from planner_node.settings import HttpSettings, QueueSettings
from planner_node.stream.call import ToolCall
from tests.fakes.completion import ScriptedCompleter
from tests.fakes.hall import Hall
from tests.fakes.journal import MemoryJournal

INFO = NodeInfo(
    node_id="planner-1",
    software_version="0",
    schema_versions=["1.0"],
    model={"id": "scripted"},
    limits={},
    languages=["zh-TW", "en"],
    tools=["decompose_task"],
    topics={},
    schemas={},
    error_codes=list(ProblemCode),
)


@dataclass
class House:
    """A built node without a broker; ``work`` starts planning, until then tasks wait."""

    completer: ScriptedCompleter
    hall: Hall
    checks: list[Check] = field(default_factory=lambda: [Check("model", ready=True)])
    measures: list[Measure] = field(default_factory=list)
    limits: Limits = field(default_factory=Limits)
    registry: ToolRegistry = field(default_factory=ToolRegistry)
    said: list[Arguments] = field(default_factory=list)  # what a test's own function was given

    @property
    def journal(self) -> MemoryJournal:
        return self.hall.journal

    def work(self) -> None:
        self.hall.go_to_work()

    async def stop(self) -> None:
        await self.hall.close()

    def handles(self, tool_name: str) -> bool:
        return self.registry.handles(tool_name)

    async def dispatch(self, call: ToolCall) -> object:
        return await self.registry.dispatch(call)

    @property
    def parts(self) -> ApiParts:
        return ApiParts(
            planner=self.hall.planner,
            completer=lambda: self.completer,
            readiness=lambda: self.checks,
            info=lambda: INFO,
            tools=self,
            measures=lambda: self.measures,
        )


@asynccontextmanager
async def a_house(
    completer: ScriptedCompleter,
    *,
    capacity: int = 100,
    http: HttpSettings | None = None,
    keys: tuple[bytes, ...] = (),
) -> AsyncIterator[House]:
    """Build a house on the shipped tools and prompts."""
    queue = QueueSettings(capacity=capacity)
    hall = Hall(completer, MemoryJournal(outbox=False), queue=queue, works=False)
    house = House(completer, hall, limits=Limits(http or HttpSettings(), keys=keys))
    await hall.open()
    try:
        yield house
    finally:
        await house.stop()
