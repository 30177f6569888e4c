"""A journal in memory: the same behaviour as the real ones (tests/journal holds all to it)."""

import json
import math
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from typing import Protocol, TypeVar

from planner_node.errors import JournalLost
from planner_node.journal.admit import Admission
from planner_node.journal.chronicle import Listener
from planner_node.journal.elsewhere import elsewhere
from planner_node.tasks.part import Part
from planner_node.tasks.record import (
    Event,
    EventKind,
    Reply,
    StoredEvent,
    TaskFilter,
    TaskRecord,
)

WITHOUT_HISTORY = {EventKind.NOTICE, EventKind.ERROR}


class MemoryJournal:
    """Set ``refuses`` to a reason and every write raises JournalLost, as a full disk does.

    ``usual_wait_s`` is what a slow disk would say of itself.
    """

    is_shared = False
    ours_until_s = math.inf  # of a shared one, the lease's end

    def __init__(self, *, outbox: bool = True) -> None:
        self.outbox = outbox
        self.usual_wait_s = 0.0
        self.refuses = ""
        self.damage: str | None = None
        self.records: dict[str, TaskRecord] = {}
        self.log: dict[int, StoredEvent] = {}
        self.kept_part: Part | None = None
        self._pending: set[int] = set()
        self._arrivals = 0
        self._event_ids = 0
        self._listeners: list[Listener] = []

    async def start(self) -> None:
        """Nothing to open."""

    async def close(self) -> None:
        """Nothing to close."""

    @property
    def healthy(self) -> bool:
        return not self.refuses

    @property
    def reason(self) -> str:
        return self.refuses

    async def admit(self, record: TaskRecord, events: Sequence[Event]) -> Admission:
        self._check_disk()
        if (known := self.records.get(record.task_id)) is not None:
            return Admission(known, is_new=False)
        admitted = self._put(record)
        self._append(events)
        return Admission(admitted, is_new=True)

    async def commit(self, record: TaskRecord | None, events: Sequence[Event]) -> list[StoredEvent]:
        self._check_disk()
        if record is not None and record.over_mqtt and not self.outbox:
            raise elsewhere(record.task_id)
        if record is not None:
            self._put(record)
        return self._append(events)

    async def replay(self, task_id: str, kinds: Collection[EventKind], reply: Reply | None) -> bool:
        if not self.outbox:
            return True
        self._check_disk()
        originals = await self.events(task_id)
        stream = [item for item in originals if item.event.kind is EventKind.SUBTASK]
        last_attempt = max(map(_attempt, stream), default=(0, 0))
        latest = {item.event.kind: item for item in originals}
        chosen = [
            item
            for item in originals
            if item.event.kind in kinds
            and (
                _attempt(item) == last_attempt
                if item.event.kind is EventKind.SUBTASK
                else item is latest[item.event.kind]
            )
        ]
        self._add([(replace(item.event, reply=reply), item.event_id) for item in chosen])
        return bool(chosen) or task_id in self.records

    async def restate(self, since: datetime, max_finished: int) -> None:
        self._check_disk()
        for event_id in [*self._pending]:
            if _is_restated(self.log[event_id]):
                self._pending.discard(event_id)
                del self.log[event_id]
        told = [one for one in self.records.values() if one.finished is None]
        ended = [one for one in self.records.values() if one.finished and one.finished >= since]
        ended.sort(key=lambda one: one.finished or since, reverse=True)
        wanted = {one.task_id for one in (*told, *ended[:max_finished])}
        last = {
            item.event.task_id: item
            for item in self.log.values()
            if item.event.kind is EventKind.STATUS and item.replay_of is None
        }
        chosen = sorted(
            (item for task_id, item in last.items() if task_id in wanted),
            key=lambda item: item.event_id,
        )
        self._add(
            [(replace(item.event, robot_id=None, reply=None), item.event_id) for item in chosen]
        )

    async def task(self, task_id: str) -> TaskRecord | None:
        return self.records.get(task_id)

    async def known(self, task_ids: Sequence[str]) -> set[str]:
        return {*task_ids} & {*self.records}

    async def tasks(self, wanted: TaskFilter) -> list[TaskRecord]:
        newest_first = sorted(self.records.values(), key=lambda record: -record.arrival)
        return [record for record in newest_first if _fits(record, wanted)][: wanted.limit]

    async def unfinished(self) -> list[TaskRecord]:
        going_on = [record for record in self.records.values() if record.finished is None]
        return [record for record in going_on if self.outbox or not record.over_mqtt]

    async def events(self, task_id: str, after_id: int = 0) -> list[StoredEvent]:
        return [
            item
            for item in self.log.values()
            if item.event.task_id == task_id and item.event_id > after_id and item.replay_of is None
        ]

    async def pending(self, after_id: int, limit: int) -> list[StoredEvent]:
        ids = sorted(event_id for event_id in self._pending if event_id > after_id)
        return [self.log[event_id] for event_id in ids[:limit]]

    async def outbox_depth(self) -> int:
        return len(self._pending)

    async def published(self, event_ids: Sequence[int]) -> None:
        self._check_disk()
        for event_id in event_ids:
            self._pending.discard(event_id)
            item = self.log.get(event_id)
            if item and (item.replay_of is not None or item.event.kind in WITHOUT_HISTORY):
                del self.log[event_id]

    async def purge(self, before: datetime, max_tasks: int) -> list[TaskRecord]:
        self._check_disk()
        finished = sorted(
            (record.finished, record.arrival, record)
            for record in self.records.values()
            if record.finished
        )
        surplus = max(0, len(finished) - max_tasks)
        waiting = {self.log[event_id].event.task_id for event_id in self._pending}
        gone = [
            record
            for index, (ended, _, record) in enumerate(finished)
            if index < surplus or (ended < before and record.task_id not in waiting)
        ]
        for record in gone:
            self._forget(record.task_id)
        for event_id in [*self.log]:
            if self.log[event_id].event.kind in WITHOUT_HISTORY and event_id not in self._pending:
                del self.log[event_id]
        return gone

    async def part(self) -> Part | None:
        return self.kept_part

    async def keep_part(self, part: Part) -> None:
        self._check_disk()
        self.kept_part = part

    def listen(self, listener: Listener) -> Callable[[], None]:
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def _check_disk(self) -> None:
        if self.refuses:
            raise JournalLost(self.refuses)

    def _put(self, record: TaskRecord) -> TaskRecord:
        known = self.records.get(record.task_id)
        if known is None:
            self._arrivals += 1
        arrival = self._arrivals if known is None else known.arrival
        self.records[record.task_id] = replace(record, arrival=arrival)
        return self.records[record.task_id]

    def _append(self, events: Sequence[Event]) -> list[StoredEvent]:
        return self._add([(event, None) for event in events])

    def _add(self, entries: Sequence[tuple[Event, int | None]]) -> list[StoredEvent]:
        added = []
        for event, replay_of in entries:
            self._event_ids += 1
            added.append(StoredEvent(self._event_ids, event, replay_of))
            self.log[self._event_ids] = added[-1]
            if self.outbox:
                self._pending.add(self._event_ids)
        if added:
            for listener in tuple(self._listeners):
                listener(added)
        return added

    def _forget(self, task_id: str) -> None:
        del self.records[task_id]
        for event_id, item in [*self.log.items()]:
            if item.event.task_id == task_id and item.event.kind not in WITHOUT_HISTORY:
                del self.log[event_id]
                self._pending.discard(event_id)


def _is_restated(item: StoredEvent) -> bool:
    event = item.event
    return event.kind is EventKind.STATUS and item.replay_of is not None and event.robot_id is None


def _attempt(item: StoredEvent) -> tuple[int, int]:
    line = json.loads(item.event.payload)
    return line["revision"], line["attempt"]


def _fits(record: TaskRecord, wanted: TaskFilter) -> bool:
    return (
        (not wanted.states or record.state in wanted.states)
        and wanted.robot_id in {None, record.robot_id}
        and (wanted.label is None or wanted.label in record.command.labels)
        and (wanted.since is None or record.received >= wanted.since)
        and (wanted.cursor is None or record.arrival < wanted.cursor)
    )


class Openable(Protocol):
    """What every journal can do."""

    async def start(self) -> None: ...
    async def close(self) -> None: ...


Opened = TypeVar("Opened", bound=Openable)


@asynccontextmanager
async def open_journal(journal: Opened) -> AsyncIterator[Opened]:
    """Start a journal, and close it at the end of the block."""
    await journal.start()
    try:
        yield journal
    finally:
        await journal.close()
