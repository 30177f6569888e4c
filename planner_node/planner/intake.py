"""How a command becomes a task, or is refused."""

import asyncio
import math
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from messages.problem import ProblemCode
from messages.task import Mode, TaskCommand
from messages.wire import format_timestamp, new_id
from planner_node.errors import (
    BadCommand,
    CommandRejected,
    DeadlineAlreadyPassed,
    DuplicateConflict,
    NotEnabled,
    QueueFull,
    RateLimited,
    TaskMoved,
)
from planner_node.planner.desk import Desk
from planner_node.planner.ports import Admission
from planner_node.planner.speech import language_warnings
from planner_node.planner.story import tell
from planner_node.prompt.language import answer_language
from planner_node.tasks.content import content_hash
from planner_node.tasks.lifecycle import TERMINAL
from planner_node.tasks.record import Event, EventKind, Origin, Reply, TaskRecord, joined

_ALL_SAID: Final = (EventKind.STATUS, EventKind.SUBTASK, EventKind.PLAN)
# What a command may ask of a plan that is tracked, and what stands there where it does not ask.
_OF_TRACKING: Final = {
    name: TaskCommand.model_fields[name].default for name in ("on_failure", "max_replans")
}
_OWN_SHARE: Final = "this robot has as many tasks waiting as queue.robot_capacity allows one robot"
# A plan takes a second or two; a full queue takes longer, but places come free all the time.
_RETRY_AFTER_S: Final = 2


@dataclass(frozen=True, slots=True)
class Submission:
    """What came of a command; ``is_new`` is False when it had been sent before."""

    record: TaskRecord
    is_new: bool


class Intake:
    """The way in, the same for every door."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def submit(self, command: TaskCommand, origin: Origin) -> Submission:
        """Accept a command, or send again what is known of it.

        Raises:
            CommandRejected: a leaf that says what to mend.
            JournalLost: nothing was promised.
        """
        command = _named(command, origin)
        task_id = command.task_id or new_id()
        if command.task_id is None:
            command = command.model_copy(update={"task_id": task_id})
        record = self._record(command, task_id, origin)
        async with self._desk.ledger.hold(task_id):
            known = self._desk.ledger.live(task_id)
            if known is not None:
                known = await self._desk.ledger.newest(task_id) or known
                if (again := await self._again(known, record, origin)) is not None:
                    return again
            try:
                self._check(command)
                self._check_rate(record.robot_id or "")
                return await self._admit(record, origin)
            except DuplicateConflict:
                raise
            except CommandRejected:
                # What was accepted once is not refused later; asked here only, since a read of the
                # journal costs more than all the rest, and admitting tells a known task as well.
                known = await self._desk.ledger.find(task_id)
                again = None if known is None else await self._again(known, record, origin)
                if again is None:
                    raise
                return again

    def _record(self, command: TaskCommand, task_id: str, origin: Origin) -> TaskRecord:
        now = self._desk.parts.clock.now()
        spoken = self._desk.parts.planner.languages
        language = answer_language(command.language, command.instruction, spoken)
        return TaskRecord(
            task_id=task_id,
            robot_id=command.robot_id,
            command=command,
            content_hash=self._hash(command),
            language=language,
            received=now,
            expires=_expires(now, origin),
            queued=now,
            priority=command.priority,
            warnings=(
                *origin.warnings,
                *_tracking_warnings(command),
                *_tool_warnings(command, self._desk.parts.planner.answers),
                *language_warnings(command, language),
            ),
            reply=origin.reply,
            over_mqtt=self._desk.parts.journal.outbox,
        )

    async def _again(
        self, known: TaskRecord, record: TaskRecord, origin: Origin
    ) -> Submission | None:
        """Answer a command that was sent before; None when its task has left the history since."""
        if not self._is_same(known, record):
            raise DuplicateConflict(task_id=known.task_id, status=known.state)
        kinds: tuple[EventKind, ...] = _ALL_SAID
        if known.state not in TERMINAL:
            known, kinds = await self._joined(known, origin.reply), (EventKind.STATUS,)
        is_known = await self._desk.parts.journal.replay(known.task_id, kinds, origin.reply)
        return Submission(known, is_new=False) if is_known else None

    async def _joined(self, known: TaskRecord, asker: Reply | None) -> TaskRecord:
        """Let who sends an unfinished task again hear what is still to be said of it."""
        reply = joined(known.reply, asker)
        if reply == known.reply or known.damage is not None:
            return known
        with suppress(TaskMoved):  # another node's, which tells whom it knows
            return await self._desk.ledger.add(replace(known, reply=reply), [])
        return known

    def _is_same(self, known: TaskRecord, record: TaskRecord) -> bool:
        """Whether both ask the same; an earlier version may have journalled another hash of it."""
        if known.content_hash == record.content_hash:
            return True
        return known.damage is None and self._hash(known.command) == record.content_hash

    def _hash(self, command: TaskCommand) -> str:
        return content_hash(command, self._default_tool)

    @property
    def _default_tool(self) -> str:
        return self._desk.parts.planner.answers[0]

    async def _admit(self, record: TaskRecord, origin: Origin) -> Submission:
        desk = self._desk
        asked = (record.robot_id or "", record.priority, record.command.deadline)
        place = desk.place(record)  # before its own is reserved, which is no task ahead of it
        self._reserve(*asked)
        try:
            event = desk.reporter.change(record, place)
            # One that is known may leave the history before it is said again: then this is new.
            while not (admission := await self._admitted(record, event)).is_new:
                if (again := await self._again(admission.record, record, origin)) is not None:
                    return again
            desk.ledger.adopt(admission.record)
            desk.enqueue(admission.record)
        finally:
            desk.queue.unreserve(*asked)
        tell(admission.record)
        return Submission(admission.record, is_new=True)

    async def _admitted(self, record: TaskRecord, event: Event) -> Admission:
        loop = asyncio.get_running_loop()
        came_s = loop.time()
        journal = self._desk.parts.journal
        admission = await journal.admit(record, [event])
        self._desk.crowd.came_in(loop.time() - came_s, journal.usual_wait_s, loop.time())
        return admission

    def _reserve(self, robot_id: str, priority: int, deadline: datetime | None) -> None:
        try:
            self._desk.queue.reserve(robot_id, priority, deadline)
        except QueueFull as full:
            reason = _OWN_SHARE if "robot_id" in full.references else ""
            raise QueueFull(reason, **full.references, retry_after_s=_RETRY_AFTER_S) from full

    def _check(self, command: TaskCommand) -> None:
        """Refuse what would be promised in vain."""
        if command.mode is not Mode.PLAN_ONLY:
            raise NotEnabled(field="/mode", value=command.mode)
        if command.robots:
            raise NotEnabled(field="/robots")
        self._desk.parts.catalog.tool(command.tool or self._default_tool)
        self._check_limits(command)
        now = self._desk.parts.clock.now()
        if command.deadline is not None and command.deadline <= now:
            raise DeadlineAlreadyPassed(
                deadline=format_timestamp(command.deadline), now=format_timestamp(now)
            )

    def _check_rate(self, robot_id: str) -> None:
        """Refuse a robot that sends too much; what it sends again is answered all the same."""
        wait_s = self._desk.rate.take(robot_id, self._desk.parts.clock.monotonic_s())
        if wait_s > 0:
            per_minute = self._desk.parts.queue.robot_tasks_per_minute
            raise RateLimited(
                robot_id=robot_id, tasks_per_minute=per_minute, retry_after_s=math.ceil(wait_s)
            )

    def _check_limits(self, command: TaskCommand) -> None:
        limit = self._desk.parts.generation.max_new_tokens_limit
        asked = command.generation.max_new_tokens if command.generation else None
        if asked is not None and asked > limit:
            raise BadCommand(
                ProblemCode.SCHEMA_INVALID,
                f"must be at most {limit} on this node",
                field="/generation/max_new_tokens",
                limit=limit,
            )


def _tool_warnings(command: TaskCommand, answers: Sequence[str]) -> Iterator[str]:
    """Yield, in both languages, where a command names an answer that the model chooses itself."""
    if command.tool in answers[1:]:  # the first one is what a command that names none asks for
        yield (
            f"tool {command.tool} has no effect: the model chooses among planner.answers itself · "
            f"指定工具 {command.tool} 沒有作用：由模型自行從 planner.answers 中選擇"
        )


def _tracking_warnings(command: TaskCommand) -> Iterator[str]:
    """Yield, in both languages, what is asked in vain of a plan that nobody tracks."""
    for name, unsaid in _OF_TRACKING.items():
        if getattr(command, name) != unsaid:
            yield f"{name} has no effect in mode PLAN_ONLY · {name} 在 PLAN_ONLY 模式下不起作用"


def _expires(now: datetime, origin: Origin) -> datetime | None:
    return None if origin.expiry_s is None else now + timedelta(seconds=origin.expiry_s)


def _named(command: TaskCommand, origin: Origin) -> TaskCommand:
    """Return the command with the robot it is for."""
    if origin.robot_id and command.robot_id and origin.robot_id != command.robot_id:
        raise BadCommand(
            ProblemCode.IDENTITY_MISMATCH, topic=origin.robot_id, payload=command.robot_id
        )
    robot_id = origin.robot_id or command.robot_id
    if robot_id is None and command.robots:
        raise NotEnabled(field="/robots")
    if robot_id is None:
        raise BadCommand(ProblemCode.SCHEMA_INVALID, "is required", field="/robot_id")
    if command.robot_id == robot_id:
        return command
    return command.model_copy(update={"robot_id": robot_id})
