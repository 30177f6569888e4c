"""From a delivery to the planner: which row of the topic table, which message, which answer.

Message Expiry goes on in our queue: a task that is not begun in time ends EXPIRED. It does not
become the task's deadline, because the broker counts it down, so that the same task sent again
would have other content; a plan that was begun in time is bounded by the payload's ``deadline``.
"""

import functools
import hashlib
import logging
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from pydantic import BaseModel

from messages.decode import (
    MAX_PAYLOAD_BYTES,
    Decoded,
    Refused,
    decode,
    decode_task,
    parse_json,
    text_of,
)
from messages.problem import Problem, ProblemCode, problem
from messages.task import TaskCommand, TaskControl
from messages.topics import (
    FLEET_PARTITION,
    FLEET_TASK,
    ROBOT_CONTROL,
    ROBOT_FEEDBACK,
    ROBOT_PROFILE,
    ROBOT_TASK,
    Topic,
)
from messages.wire import ID_PATTERN
from planner_node.errors import NodeBroken, NotEnabled, PlannerError
from planner_node.mqtt.packets import Delivery
from planner_node.mqtt.ports import Planner
from planner_node.mqtt.repartition import read_change
from planner_node.mqtt.reply import ReplyPolicy
from planner_node.tasks.record import Origin, Reply

logger = logging.getLogger(__name__)

INBOUND: Final = (
    ROBOT_TASK,
    ROBOT_CONTROL,
    ROBOT_FEEDBACK,
    ROBOT_PROFILE,
    FLEET_TASK,
    FLEET_PARTITION,
)
NOT_OFFERED: Final[Mapping[Topic, str]] = {
    ROBOT_FEEDBACK: "feedback is not followed yet",
    ROBOT_PROFILE: "profiles are not used yet",
    FLEET_TASK: "fleet tasks are not assigned yet",
}
"""What is answered NOT_ENABLED, and why; the READMEs' table of topics marks these rows."""
NO_CHANGES: Final = "mqtt.partition_changes is not set at this node"
_SHOWN_BYTES: Final = 256  # of a payload that nobody can be told about
_REMEMBERED_PROFILES: Final = 10_000
_ID: Final = re.compile(ID_PATTERN)


@dataclass(frozen=True, slots=True)
class Route:
    """Which row a topic belongs to, and the robot it names (unchecked)."""

    row: Topic | None
    robot_id: str | None = None


@functools.lru_cache(maxsize=4_096)
def route_of(topic: str, root: str) -> Route:
    """Find the row of an inbound topic."""
    for row in INBOUND:
        if (parts := row.parts(topic, root)) is not None:
            return Route(row, parts.get("robot_id"))
    return Route(None)


class Commands:
    """Hands each delivery to the planner, or its refusal; returns when the journal has either."""

    def __init__(self, planner: Planner, policy: ReplyPolicy) -> None:
        self._planner = planner
        self._policy = policy
        self._told: OrderedDict[str, bytes] = OrderedDict()

    async def take(self, delivery: Delivery, spare_id: Callable[[], str]) -> None:
        """Carry out one delivery; ``spare_id`` makes the id of a task that brings none.

        Raises:
            JournalLost: nothing was promised; try again.
        """
        route = route_of(delivery.topic, self._policy.root)
        if route.row is None:
            logger.debug("mqtt not ours topic=%r", delivery.topic)  # of an older subscription
        elif route.robot_id is not None and not _is_id(route.robot_id):
            await self._report(ProblemCode.SCHEMA_INVALID, route, delivery)
        elif delivery.retain and not delivery.payload:
            return  # somebody clears a retained message, as our own hint asks
        elif route.row is FLEET_TASK:
            await self._report(ProblemCode.NOT_ENABLED, route, delivery)
        elif route.row is FLEET_PARTITION:  # one that can be carried out does not come here
            reply = self._origin(route, delivery).reply
            await self._planner.report(_fault_of_change(delivery), reply)
        elif route.row is not ROBOT_PROFILE or self._is_news(delivery):
            await self._answered(route.row, delivery, self._origin(route, delivery), spare_id)
            if route.row is ROBOT_PROFILE:
                self._told[delivery.topic] = _digest(delivery)

    async def give_up(self, delivery: Delivery, reason: str) -> None:
        """Answer a delivery that failed every time, so that it cannot hold up the others.

        Raises:
            JournalLost: nothing was promised; try again.
        """
        route = route_of(delivery.topic, self._policy.root)
        origin, has_robot = self._origin(route, delivery), _is_id(route.robot_id)
        # The sender is answered once: by the refusal where there is one, else by the report.
        reply = _without_topic(origin.reply) if has_robot else origin.reply
        await self._planner.report(stranger(ProblemCode.INTERNAL, delivery, reason), reply)
        if has_robot:
            fault = problem(ProblemCode.INTERNAL, {"reason": reason})
            task_id, is_control = _readable_task_id(delivery.payload), route.row is ROBOT_CONTROL
            await self._planner.refuse(fault, origin, task_id, is_control=is_control)

    async def _report(self, code: ProblemCode, route: Route, delivery: Delivery) -> None:
        reply = self._origin(route, delivery).reply
        await self._planner.report(stranger(code, delivery), reply)

    def _origin(self, route: Route, delivery: Delivery) -> Origin:
        reply, warnings = self._policy.reply_of(delivery.properties, delivery.expiry_s)
        return Origin(route.robot_id, tuple(warnings), reply, delivery.expiry_s)

    async def _answered(
        self, row: Topic, delivery: Delivery, origin: Origin, spare_id: Callable[[], str]
    ) -> None:
        try:
            decoded = _decoded(row, delivery)
        except Refused as refused:
            task_id = refused.ids.get("task_id")
            known_id = task_id if _is_id(task_id) else None
            fault = problem(refused.code, refused.references)
            await self._refuse(row, fault, _warned(origin, refused.warnings), known_id)
            return
        origin = _warned(origin, decoded.warnings)
        try:
            await self._carry_out(row, decoded.message, origin, spare_id)
        except NodeBroken:
            raise
        except PlannerError as error:
            task_id = _readable_task_id(delivery.payload)
            await self._refuse(row, error.problem, origin, task_id, decoded.message)

    async def _refuse(
        self,
        row: Topic,
        fault: Problem,
        origin: Origin,
        task_id: str | None,
        message: BaseModel | None = None,
    ) -> None:
        is_control = row is ROBOT_CONTROL
        command = message if isinstance(message, TaskCommand) else None
        await self._planner.refuse(fault, origin, task_id, is_control=is_control, command=command)

    async def _carry_out(
        self, row: Topic, message: BaseModel, origin: Origin, spare_id: Callable[[], str]
    ) -> None:
        match message:
            case TaskCommand(task_id=None):
                named = message.model_copy(update={"task_id": spare_id()})
                await self._planner.submit(named, origin)
            case TaskCommand():
                await self._planner.submit(message, origin)
            case TaskControl():
                await self._planner.control(message, origin)
            case _:
                raise NotEnabled(NOT_OFFERED[row])

    def _is_news(self, delivery: Delivery) -> bool:
        """Each profile is answered once: a retained one comes again with every subscription."""
        while len(self._told) > _REMEMBERED_PROFILES:
            self._told.popitem(last=False)
        return self._told.get(delivery.topic) != _digest(delivery)


def _decoded(row: Topic, delivery: Delivery) -> Decoded[TaskCommand] | Decoded[BaseModel]:
    """Read what came on a row's topic.

    Raises:
        Refused: too late, or not the row's message.
    """
    if row is not ROBOT_PROFILE:
        _refuse_stale(delivery)
    if row is ROBOT_TASK:
        return decode_task(delivery.payload)
    return decode(row.message, delivery.payload)


def _digest(delivery: Delivery) -> bytes:
    return hashlib.sha256(delivery.payload).digest()


def stranger(
    code: ProblemCode,
    delivery: Delivery,
    reason: str = "",
    more: Mapping[str, object] = MappingProxyType({}),
) -> Problem:
    """Describe input that no robot can be told about, with ``more`` that is known of its fault."""
    references = {
        "topic": delivery.topic,
        "reason": reason or _STRANGE.get(code, ""),
        "payload": delivery.payload[:_SHOWN_BYTES].decode("utf-8", errors="replace"),
        **more,
    }
    return problem(code, references)


_STRANGE: Final = {
    ProblemCode.SCHEMA_INVALID: "the topic names no robot: an id is 1 to 64 of A-Z a-z 0-9 _ . : -",
    ProblemCode.NOT_ENABLED: NOT_OFFERED[FLEET_TASK],
}


def _fault_of_change(delivery: Delivery) -> Problem:
    """Say what is wrong with a change of the number of nodes, if only that we do not take any."""
    try:
        read_change(delivery)
    except Refused as refused:
        return stranger(refused.code, delivery, more=refused.references)
    return stranger(ProblemCode.NOT_ENABLED, delivery, NO_CHANGES)


def _refuse_stale(delivery: Delivery) -> None:
    """Refuse what must not move a robot any more.

    Raises:
        Refused: retained, or past its Message Expiry.
    """
    if not delivery.retain and delivery.expiry_s != 0:
        return
    task_id = _readable_task_id(delivery.payload)
    ids = {} if task_id is None else {"task_id": task_id}
    if delivery.retain:
        raise Refused(ProblemCode.RETAINED_COMMAND, {"topic": delivery.topic}, ids)
    raise Refused(ProblemCode.EXPIRED, {"message_expiry_s": 0}, ids)


def _readable_task_id(payload: bytes) -> str | None:
    """Return the payload's task id if it can be read and is one."""
    try:
        value = parse_json(text_of(payload, MAX_PAYLOAD_BYTES))
    except Refused:
        return None
    task_id = value.get("task_id") if isinstance(value, dict) else None
    return task_id if isinstance(task_id, str) and _is_id(task_id) else None


def _is_id(text: str | None) -> bool:
    return text is not None and _ID.fullmatch(text) is not None


def _without_topic(reply: Reply | None) -> Reply | None:
    return reply and replace(reply, topic=None)


def _warned(origin: Origin, warnings: list[str]) -> Origin:
    if not warnings:
        return origin
    return replace(origin, warnings=(*warnings, *origin.warnings))
