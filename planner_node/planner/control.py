"""An operator's word about a task that exists; it never waits behind generation."""

from dataclasses import replace
from typing import Final

from messages.problem import ProblemCode
from messages.status import TaskState
from messages.task import ControlOp, TaskControl
from planner_node.errors import (
    BadCommand,
    JournalLost,
    NotEnabled,
    TaskMoved,
    TaskNotFound,
    WrongState,
)
from planner_node.planner.damage import end_damaged
from planner_node.planner.desk import Desk
from planner_node.tasks.lifecycle import TERMINAL, IllegalTransition, TaskEvent
from planner_node.tasks.record import EventKind, Exchange, Origin, TaskRecord

_TOLD: Final = (EventKind.STATUS, EventKind.PLAN)
"""What GET says again: who asks over MQTT has no other way to a plan that it never heard."""


class Control:
    """CANCEL, GET, REPRIORITIZE and ANSWER."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def control(self, word: TaskControl, origin: Origin) -> TaskRecord:
        """Do what is asked and return the task as it then stands.

        Raises:
            TaskNotFound, WrongState, NotEnabled, BadCommand: it cannot be done, and why.
            JournalLost: nothing was done.
        """
        _check_robot(word, origin)
        try:
            return await self._control(word, origin)
        except TaskMoved:  # what we knew of it was old; now the ledger reads it anew
            return await self._control(word, origin)

    async def _control(self, word: TaskControl, origin: Origin) -> TaskRecord:
        async with self._desk.ledger.hold(word.task_id):
            record = await self._desk.ledger.get_newest(word.task_id)
            if origin.robot_id not in {None, record.robot_id}:
                raise TaskNotFound(task_id=word.task_id, robot_id=origin.robot_id)
            if record.damage is not None and record.state not in TERMINAL:
                record = await end_damaged(self._desk, record)
            try:
                return await self._do(word, record, origin)
            except IllegalTransition as refusal:
                raise _wrong_state(record, word) from refusal

    async def _do(self, word: TaskControl, record: TaskRecord, origin: Origin) -> TaskRecord:
        match word.op:
            case ControlOp.CANCEL:
                return await self._cancel(word, record, origin)
            case ControlOp.GET:
                return await self._get(record, origin)
            case ControlOp.REPRIORITIZE:
                return await self._reprioritize(word, record, origin)
            case ControlOp.ANSWER:
                return await self._answer(word, record, origin)
            case ControlOp.REPLAN:
                raise NotEnabled(op=word.op, task_id=word.task_id, status=record.state)

    async def _get(self, record: TaskRecord, origin: Origin) -> TaskRecord:
        """Say again what was said, byte for byte; what of the question was ignored comes apart."""
        if not await self._desk.parts.journal.replay(record.task_id, _TOLD, origin.reply):
            raise TaskNotFound(task_id=record.task_id)  # it has left the history meanwhile
        if origin.warnings:
            notice = self._desk.reporter.notice(record, None, origin)
            await self._desk.parts.journal.commit(None, [notice])
        return record

    async def _cancel(self, word: TaskControl, record: TaskRecord, origin: Origin) -> TaskRecord:
        why = [f"canceled: {word.reason} · 已取消：{word.reason}"] if word.reason else []
        warned = record.warned([*origin.warnings, *why])
        return await self._desk.end(warned, TaskEvent.CANCEL_ASKED, origin.reply)

    async def _reprioritize(
        self, word: TaskControl, record: TaskRecord, origin: Origin
    ) -> TaskRecord:
        if word.priority is None:
            raise BadCommand(ProblemCode.SCHEMA_INVALID, "is required", field="/priority")
        if record.state is not TaskState.QUEUED:
            raise _wrong_state(record, word)
        changed = replace(record.warned(origin.warnings), priority=word.priority)
        queue = self._desk.queue
        place = (
            self._desk.place(changed) if queue.reprioritize(word.task_id, word.priority) else None
        )
        try:
            touched = await self._desk.ledger.touch(changed, place, origin.reply)
        except JournalLost:
            queue.reprioritize(word.task_id, record.priority)
            raise
        if place is None and word.task_id not in self._desk.running:
            self._desk.enqueue(touched)  # it waited at another node, and is ours now
        return touched

    async def _answer(self, word: TaskControl, record: TaskRecord, origin: Origin) -> TaskRecord:
        if word.answer is None:
            raise BadCommand(ProblemCode.SCHEMA_INVALID, "is required", field="/answer")
        if record.question is None:
            raise _wrong_state(record, word)
        exchange = Exchange(record.question, word.answer)
        answered = replace(
            record.warned(origin.warnings),
            question=None,
            problem=None,
            exchanges=(*record.exchanges, exchange),
            attempt=record.attempt + record.streamed,  # the next stream begins at 0 again
            streamed=False,
        )
        queued = await self._desk.ledger.move(
            answered,
            TaskEvent.ANSWERED,
            queue=self._desk.place(answered),
            asker=origin.reply,
        )
        self._desk.enqueue(queued)
        return queued


def _check_robot(word: TaskControl, origin: Origin) -> None:
    if origin.robot_id and word.robot_id and origin.robot_id != word.robot_id:
        raise BadCommand(
            ProblemCode.IDENTITY_MISMATCH, topic=origin.robot_id, payload=word.robot_id
        )


def _wrong_state(record: TaskRecord, word: TaskControl) -> WrongState:
    return WrongState(op=word.op, task_id=record.task_id, status=record.state)
