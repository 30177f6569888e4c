"""What the house remembers of a task, and what it has said about it."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from messages.problem import Problem
from messages.status import Question, TaskState
from messages.task import TaskCommand

MAX_WARNINGS: Final = 64  # of one task: a control may bring more with every word, for ever
MAX_ASKERS: Final = 4  # of one task, at topics of their own: each is stored with all that is said


@dataclass(frozen=True, slots=True)
class Reply:
    """Where the sender also wants to hear: MQTT 5 Response Topic and its companions."""

    topic: str | None = None
    correlation_data: bytes | None = None
    user_properties: tuple[tuple[str, str], ...] = ()
    expiry_s: int | None = None  # the command's own Message Expiry, for what goes to the topic
    others: tuple["Reply", ...] = ()  # where several ask: all that named a topic, newest first

    @property
    def askers(self) -> dict[str, "Reply"]:
        """Everybody who named a topic, by that topic."""
        return {one.topic: one for one in (self, *self.others) if one.topic is not None}


def joined(known: Reply | None, asker: Reply | None) -> Reply | None:
    """Return where both want to hear: each at its topic, and elsewhere what the last one echoes.

    What the last one does not send is echoed from before. Of ``MAX_ASKERS`` and more the oldest go.
    """
    if known is None or asker is None or asker == known:
        return known or asker
    askers = asker.askers | known.askers | asker.askers  # the newest first, and as it asks now
    return Reply(
        correlation_data=asker.correlation_data or known.correlation_data,
        user_properties=asker.user_properties or known.user_properties,
        others=tuple(askers.values())[:MAX_ASKERS],
    )


@dataclass(frozen=True, slots=True)
class Exchange:
    """One question of the node and the answer it got."""

    question: Question
    answer: str


@dataclass(frozen=True, slots=True)
class TaskRecord:
    """One task as journalled; every change makes a new one with ``dataclasses.replace``."""

    task_id: str
    robot_id: str | None
    command: TaskCommand
    content_hash: str  # hexadecimal SHA-256 of what the command asks
    language: str
    received: datetime
    state: TaskState = TaskState.QUEUED
    previous_state: TaskState | None = None
    status_version: int = 1
    arrival: int = 0  # the journal's running number, set when admitted
    priority: int = 50
    attempt: int = 1  # the subtask stream's: whatever may be told again is told under the next one
    losses: int = 0  # runs that ended with the node or its model; planner.max_attempts bounds them
    revision: int = 0
    expires: datetime | None = None  # the command's Message Expiry: not to be begun from then on
    queued: datetime | None = None
    started: datetime | None = None
    asked: datetime | None = None  # the latest question; its end of patience counts from here
    finished: datetime | None = None
    question: Question | None = None
    exchanges: tuple[Exchange, ...] = ()
    problem: Problem | None = None
    warnings: tuple[str, ...] = ()
    subtasks_done: int = 0  # of this attempt
    streamed: bool = False  # this or an earlier attempt was begun, and no closing event told
    subtasks_total: int | None = None
    reply: Reply | None = None
    over_mqtt: bool = False  # accepted where there is a broker: its robot hears every change there
    damage: str | None = None  # why its row cannot be read: then only what it is called is certain

    def warned(self, warnings: Iterable[str]) -> "TaskRecord":
        """Return the record with these warnings too, each once; the oldest of too many go."""
        known = dict.fromkeys((*self.warnings, *warnings))
        return replace(self, warnings=tuple(known)[-MAX_WARNINGS:])


class EventKind(StrEnum):
    """What a line of the event log is; the MQTT door knows which topics it goes to."""

    STATUS = "STATUS"  # TaskStatus, a change of the task
    NOTICE = "NOTICE"  # TaskStatus that answers a command without changing a task
    SUBTASK = "SUBTASK"  # SubtaskEvent
    PLAN = "PLAN"  # SubtaskList
    ERROR = "ERROR"  # ErrorReport that no robot can be told about


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the log: the exact bytes that readers get."""

    kind: EventKind
    payload: bytes
    task_id: str | None = None
    robot_id: str | None = None
    reply: Reply | None = None


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """A committed event; ``event_id`` grows, and is the resume mark of a watcher."""

    event_id: int
    event: Event
    replay_of: int | None = None  # a copy sent again to whoever asked twice
    is_overtaken: bool = False  # another node on the same journal has changed the task since


@dataclass(frozen=True, slots=True)
class TaskFilter:
    """Which tasks a list asks for; ``cursor`` is the arrival to go on below."""

    states: tuple[TaskState, ...] = ()
    robot_id: str | None = None
    label: str | None = None
    since: datetime | None = None
    limit: int = 50
    cursor: int | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """How a command came in: which robot's topic, what was ignored, who wants copies.

    ``expiry_s`` is what was left of its Message Expiry.
    """

    robot_id: str | None = None
    warnings: tuple[str, ...] = ()
    reply: Reply | None = None
    expiry_s: int | None = None
