"""The composition root: which room gets what, and in which order they start and stop."""

import asyncio
import gc
import logging
from collections.abc import AsyncIterator, Coroutine, Iterable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import timedelta
from typing import Final

from messages.problem import ProblemCode, problem
from messages.status import NodeInfo, NodeState
from planner_node.api.ports import ApiParts, Check, Measure
from planner_node.broker.embedded import EmbeddedBroker
from planner_node.clock import Clock, SystemClock
from planner_node.completion.loading import LocalModel, unlearned
from planner_node.completion.remote.model import RemoteModel
from planner_node.completion.request import Completer
from planner_node.errors import BrokerRefused, JournalLost
from planner_node.journal.opening import journal_of
from planner_node.journal.postgres.store import PostgresJournal
from planner_node.mqtt.door import MqttDoor
from planner_node.node.info import node_info
from planner_node.node.late import LateCompleter
from planner_node.node.lease import Lease
from planner_node.node.measures import (
    door_measures,
    endpoint_measures,
    engine_measures,
    journal_measures,
    planner_measures,
)
from planner_node.planner.handlers import load_handlers
from planner_node.planner.planner import Planner
from planner_node.planner.ports import PlannerParts
from planner_node.planner.rehearsal import rehearse
from planner_node.prompt.catalog import load_catalog
from planner_node.settings import Settings

logger = logging.getLogger(__name__)
_HISTORY_S: Final = 600.0  # how often finished tasks are looked through
_FIRST_LISTENING_S: Final = 5.0  # a broker that is there answers sooner
LAST_WORDS_S: Final = 2.0  # for the outbox, after the plans had their grace


def build(settings: Settings, *, broker: bool = True, completer: Completer | None = None) -> "Node":
    """Build a node that is not running yet; a given completer stands in for the model.

    Raises:
        SettingsRefused: a tool, an answer, a prompt or a handler is wrong.
    """
    return Node(settings, broker=broker, completer=completer, clock=SystemClock())


class Node:
    """All rooms of one process."""

    def __init__(
        self, settings: Settings, *, broker: bool, completer: Completer | None, clock: Clock
    ) -> None:
        self.settings = settings
        self.completer = LateCompleter(lambda: self._model.trouble)
        self.model_ready = asyncio.Event()
        self.broker_url: str | None = None
        self._has_broker = broker
        self._stopping = False
        self._given = completer
        self._clock = clock
        self._catalog = load_catalog(settings.planner.tools_dir, settings.planner.prompts_dir)
        self._answers = self._catalog.answers(settings.planner.answers)
        tools = load_handlers(settings.planner.handlers)
        self._model = self._model_of(settings, clock)
        self._door: MqttDoor | None = None
        self._embedded: EmbeddedBroker | None = None
        self.journal = journal_of(settings.journal, settings.node_id, outbox=broker)
        self._parts = PlannerParts(
            node_id=settings.node_id,
            journal=self.journal,
            completer=self.completer,
            catalog=self._catalog,
            handlers=tools,
            clock=clock,
            planner=settings.planner,
            queue=settings.queue,
            generation=settings.generation,
        )
        self.planner = Planner(self._parts)
        self.api_parts = ApiParts(
            planner=self.planner,
            completer=lambda: self.completer.real,
            readiness=self.checks,
            info=self.info,
            tools=tools,
            measures=self.measures,
            clock=clock,
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Node"]:
        """Start every room, and stop them in good order when the block is left.

        Raises:
            NodeBroken: a room cannot start or go on; the block is cancelled.
        """
        async with AsyncExitStack() as stack:
            await self.journal.start()
            stack.push_async_callback(self.journal.close)
            stack.push_async_callback(self._model.stop)
            await self.planner.start()
            self.planner.hold()
            await self._confess()
            if self._has_broker:
                self._door = await self._open_door(stack)
            async with asyncio.TaskGroup() as group:
                working = [
                    group.create_task(work, name=name) for name, work in self._works(self._door)
                ]
                try:
                    yield self
                finally:
                    await self._stop()
                    for task in working:
                        task.cancel()

    def _works(self, door: MqttDoor | None) -> Iterator[tuple[str, Coroutine[None, None, None]]]:
        yield "planner.run", self.planner.run()
        yield "node.model", self._bring_model()
        yield "node.history", self._keep_history()
        if isinstance(self.journal, PostgresJournal):
            lease = Lease(self.journal, self.planner, self.settings.journal, self._clock)
            yield "node.lease", lease.run()
            yield "node.heir", lease.look_after_the_dead()
        if door is not None:
            yield "mqtt.door", door.run()
        if self._embedded is not None:
            yield "node.broker", _outlive(self._embedded)

    async def _open_door(self, stack: AsyncExitStack) -> MqttDoor:
        mqtt = self.settings.mqtt
        if not mqtt.url:
            broker = EmbeddedBroker(mqtt.port, node_id=self.settings.node_id)
            self._embedded = await stack.enter_async_context(broker)
            mqtt = mqtt.model_copy(update={"url": self._embedded.url})
        self.broker_url = mqtt.url
        return MqttDoor(mqtt, self.settings.node_id, self.planner, self.journal, self._clock)

    async def _bring_model(self) -> None:
        """Load the model behind open doors, let the planner begin, then watch over the engine."""
        self._say(NodeState.LOADING_MODEL)
        self._warn_of_unlearned_tools()
        completer = self._given or await self._model.start()
        await asyncio.to_thread(completer.check, self._answers)
        if self._given is None and self.settings.engine.kind == "local":
            await self._rehearse(completer)
        self.completer.arrive(completer)
        self.model_ready.set()
        self._model_changed()
        if self._given is None:
            await self._model.wait_ended()

    async def _rehearse(self, completer: Completer) -> None:
        if limit_s := self.settings.engine.rehearsal_s:
            plans = await rehearse(completer, self._parts, limit_s)
            logger.info("rehearsed plans=%d", plans)

    def _warn_of_unlearned_tools(self) -> None:
        settings = self.settings
        if names := unlearned(settings.model, settings.engine, self._catalog.tools):
            logger.warning(
                "! the embedded model was never taught %s: its plans with it will be nonsense; "
                "set model.id to a larger model, or engine.kind to remote",
                ", ".join(names),
            )

    async def _keep_history(self) -> None:
        journal = self.settings.journal
        while True:
            before = self._clock.now() - timedelta(hours=journal.history_h)
            try:
                while gone := await self.journal.purge(before, journal.history_max_tasks):
                    self._forget(record.task_id for record in gone)
            except JournalLost as error:
                logger.warning("! history not looked through: %s", error)
            await asyncio.sleep(_HISTORY_S)
            gc.collect()  # the only whole one: circles are few, and each look holds up everybody

    def _model_of(self, settings: Settings, clock: Clock) -> LocalModel | RemoteModel:
        if settings.engine.kind == "local":
            return LocalModel(settings.model, settings.engine, clock)
        return RemoteModel(settings.model, settings.engine, clock, self._model_changed)

    def _model_changed(self) -> None:
        """Plan nothing while no endpoint is well: waiting costs a task none of its attempts."""
        if not self.model_ready.is_set() or self._stopping:
            return
        if self._model.trouble:
            self.planner.hold()
        else:
            self.planner.open()
        self._say(NodeState.READY)  # the node is; model_ready tells the rest

    def _forget(self, task_ids: Iterable[str]) -> None:
        if self._door is not None:
            self._door.clear(task_ids)

    async def _confess(self) -> None:
        """Tell everyone that the journal had to be begun anew: tasks may be missing."""
        if self.journal.damage is not None:
            await self.planner.report(
                problem(ProblemCode.INTERNAL, {"reason": self.journal.damage, "part": "journal"})
            )

    async def _stop(self) -> None:
        self._stopping = True
        self._say(NodeState.DRAINING)
        if self._door is not None:
            self._door.pause()
        await self.planner.drain(self.settings.planner.drain_s)
        if self._door is not None:
            await self._door.stop(LAST_WORDS_S)

    def _say(self, state: NodeState) -> None:
        if self._door is not None:
            self._door.change(state, model_ready=self.completer.ready)
            self._door.describe(self.info())

    def info(self) -> NodeInfo:
        """Describe the node as it stands."""
        return node_info(self.settings, self.completer, sorted(self._catalog.tools))

    async def ready(self) -> None:
        """Wait for the model, and then for the broker, who may be away: not longer than a moment.

        A broker that has never heard of the node drops what robots send before it subscribes, so
        nobody should be told of a node that does not listen yet.
        """
        await self.model_ready.wait()
        if self._door is None:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(_FIRST_LISTENING_S):
                await self._door.first_listening()

    def checks(self) -> Iterator[Check]:
        """Yield every condition of readiness."""
        yield Check("model", ready=self.completer.ready, reason=self.completer.reason)
        yield Check("journal", ready=self.journal.healthy, reason=self.journal.reason)
        if self._door is not None:
            door = self._door.readiness
            yield Check("broker", ready=door.is_ok, reason=door.reason)

    def measures(self) -> Iterator[Measure]:
        """Yield the numbers of every room."""
        yield from journal_measures(self.journal)
        yield from planner_measures(self.planner)
        if self._door is not None:
            yield from door_measures(self._door)
        if isinstance(self._model, RemoteModel):
            yield from endpoint_measures(self._model)
        elif self.completer.ready and self._model.team is not None:
            yield from engine_measures(self._model.team.stats())


async def _outlive(broker: EmbeddedBroker) -> None:
    """End the node with its own broker: without one it would be deaf and look alive.

    Raises:
        BrokerRefused: the broker's process ended.
    """
    code = await broker.ended()
    raise BrokerRefused(f"The embedded broker ended by itself (exit code {code}).")
