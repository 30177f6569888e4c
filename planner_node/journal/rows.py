"""Records and events ↔ rows: moments as UTC milliseconds, the rest as columns or JSON."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from messages.problem import Problem
from messages.status import Question, TaskState
from messages.task import TaskCommand
from planner_node.errors import RowUnreadable
from planner_node.tasks.record import Event, EventKind, Exchange, Reply, StoredEvent, TaskRecord

log = logging.getLogger(__name__)

Found = TypeVar("Found")
Model = TypeVar("Model", bound=BaseModel)
Value: TypeAlias = str | int | bytes | None
Row: TypeAlias = tuple[Value, ...]

TASK_COLUMNS: Final = (
    "arrival, task_id, robot_id, state, received_ms, finished_ms, command, details"
)
EVENT_COLUMNS: Final = "event_id, task_id, robot_id, kind, payload, reply, replay_of"
_LOST_COMMAND: Final = "(the stored command cannot be read · 無法讀取已存的指令)"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS: Final = timedelta(milliseconds=1)


class _Stored(BaseModel):
    model_config = ConfigDict(frozen=True, ser_json_bytes="base64", val_json_bytes="base64")


class _Reply(_Stored):
    topic: str | None = None
    correlation_data: bytes | None = None
    user_properties: tuple[tuple[str, str], ...] = ()
    expiry_s: int | None = None
    others: tuple["_Reply", ...] = ()


class _Exchange(_Stored):
    question: Question
    answer: str


class _Details(_Stored):
    """What no query looks at; a field added later needs a default, for the rows before it."""

    content_hash: str
    language: str
    previous_state: TaskState | None = None
    status_version: int = 1
    priority: int = 50
    attempt: int = 1
    losses: int = 0
    revision: int = 0
    expires_ms: int | None = None
    queued_ms: int | None = None
    started_ms: int | None = None
    asked_ms: int | None = None
    question: Question | None = None
    exchanges: tuple[_Exchange, ...] = ()
    problem: Problem | None = None
    warnings: tuple[str, ...] = ()
    subtasks_done: int = 0
    streamed: bool = False
    subtasks_total: int | None = None
    reply: _Reply | None = None
    over_mqtt: bool = False


def to_ms(moment: datetime) -> int:
    """Return whole milliseconds since 1970 in UTC, rounded down."""
    return (moment - _EPOCH) // _MS


def from_ms(ms: int) -> datetime:
    """Return the moment in UTC."""
    try:
        return _EPOCH + ms * _MS
    except OverflowError as error:
        raise ValueError(f"{ms} ms are no moment") from error


def task_row(record: TaskRecord) -> Row:
    """Return the values of ``TASK_COLUMNS`` without ``arrival``, which the table gives."""
    return (
        record.task_id,
        record.robot_id,
        record.state.value,
        to_ms(record.received),
        _ms(record.finished),
        record.command.model_dump_json(),
        _details(record).model_dump_json(exclude_defaults=True),
    )


def task_of(row: Row) -> TaskRecord:
    """Return the record of a row of ``TASK_COLUMNS``; of a damaged row what is left, and why.

    Raises:
        RowUnreadable: not even what the task is called, or how it stands.
    """
    *_, command, details = row
    try:
        whole = TaskCommand.model_validate_json(_text(command))
        return _record(row, whole, _Details.model_validate_json(_text(details)))
    except ValueError as error:
        why = _in_short(error)
        log.error("! a row of the journal cannot be read: %s: %s", row[:2], why)  # noqa: TRY400  the row tells more than the stack
    try:
        return replace(_remains(row), damage=why)
    except ValueError as error:
        raise RowUnreadable(f"the journal's row cannot be read: {why}", row=row[:2]) from error


def _remains(row: Row) -> TaskRecord:
    """Return what is left of a task: its names, so that its end can be told, and what else is."""
    _, task_id, robot_id, *_, command, details = row
    lost = TaskCommand(
        instruction=_LOST_COMMAND, task_id=_text(task_id), robot_id=_optional_text(robot_id)
    )
    unknown = _Details(content_hash="", language="en")
    return _record(row, _read_or(lost, command), _read_or(unknown, details))


def _read_or(otherwise: Model, text: Value) -> Model:
    try:
        return type(otherwise).model_validate_json(_text(text))
    except ValueError:
        return otherwise


def _in_short(error: ValueError) -> str:
    """Return what is wrong without what the user said."""
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    return f"/{'/'.join(map(str, first['loc']))}: {first['msg'].removeprefix('Value error, ')}"


def _record(row: Row, command: TaskCommand, rest: _Details) -> TaskRecord:
    arrival, task_id, robot_id, state, received_ms, finished_ms, *_ = row
    return TaskRecord(
        task_id=_text(task_id),
        robot_id=_optional_text(robot_id),
        command=command,
        content_hash=rest.content_hash,
        language=rest.language,
        received=from_ms(_number(received_ms)),
        state=TaskState(_text(state)),
        previous_state=rest.previous_state,
        status_version=rest.status_version,
        arrival=_number(arrival),
        priority=rest.priority,
        attempt=rest.attempt,
        losses=rest.losses,
        revision=rest.revision,
        expires=_moment(rest.expires_ms),
        queued=_moment(rest.queued_ms),
        started=_moment(rest.started_ms),
        asked=_moment(rest.asked_ms),
        finished=None if finished_ms is None else from_ms(_number(finished_ms)),
        question=rest.question,
        exchanges=tuple(Exchange(item.question, item.answer) for item in rest.exchanges),
        problem=rest.problem,
        warnings=rest.warnings,
        subtasks_done=rest.subtasks_done,
        streamed=rest.streamed,
        subtasks_total=rest.subtasks_total,
        reply=None if rest.reply is None else _to_reply(rest.reply),
        over_mqtt=rest.over_mqtt,
    )


def event_row(event: Event) -> Row:
    """Return task_id, robot_id, kind, payload, reply."""
    reply = None if event.reply is None else _from_reply(event.reply).model_dump_json()
    return (event.task_id, event.robot_id, event.kind.value, event.payload, reply)


def stored_event_of(row: Row) -> StoredEvent:
    """Return the event of a row of ``EVENT_COLUMNS``.

    Raises:
        ValueError: the row is not one of ours.
    """
    event_id, task_id, robot_id, kind, payload, reply, replay_of = row
    event = Event(
        kind=EventKind(_text(kind)),
        payload=_bytes(payload),
        task_id=_optional_text(task_id),
        robot_id=_optional_text(robot_id),
        reply=None if reply is None else _to_reply(_Reply.model_validate_json(_text(reply))),
    )
    return StoredEvent(_number(event_id), event, None if replay_of is None else _number(replay_of))


def readable(rows: Iterable[Row], read: Callable[[Row], Found]) -> list[Found]:
    """Read rows; one that cannot be read is told loudly and does not hide the others."""
    found = []
    for row in rows:
        try:
            found.append(read(row))
        except RowUnreadable:
            continue  # it was told
        except ValueError as error:
            log.error("! a row of the journal cannot be read: %s: %s", row[:2], error)  # noqa: TRY400  the row tells more than the stack
    return found


def _details(record: TaskRecord) -> _Details:
    return _Details(
        content_hash=record.content_hash,
        language=record.language,
        previous_state=record.previous_state,
        status_version=record.status_version,
        priority=record.priority,
        attempt=record.attempt,
        losses=record.losses,
        revision=record.revision,
        expires_ms=_ms(record.expires),
        queued_ms=_ms(record.queued),
        started_ms=_ms(record.started),
        asked_ms=_ms(record.asked),
        question=record.question,
        exchanges=tuple(
            _Exchange(question=item.question, answer=item.answer) for item in record.exchanges
        ),
        problem=record.problem,
        warnings=record.warnings,
        subtasks_done=record.subtasks_done,
        streamed=record.streamed,
        subtasks_total=record.subtasks_total,
        reply=None if record.reply is None else _from_reply(record.reply),
        over_mqtt=record.over_mqtt,
    )


def _from_reply(reply: Reply) -> _Reply:
    return _Reply(
        topic=reply.topic,
        correlation_data=reply.correlation_data,
        user_properties=reply.user_properties,
        expiry_s=reply.expiry_s,
        others=tuple(_from_reply(one) for one in reply.others),
    )


def _to_reply(reply: _Reply) -> Reply:
    others = tuple(_to_reply(one) for one in reply.others)
    return Reply(reply.topic, reply.correlation_data, reply.user_properties, reply.expiry_s, others)


def _ms(moment: datetime | None) -> int | None:
    return None if moment is None else to_ms(moment)


def _moment(ms: int | None) -> datetime | None:
    return None if ms is None else from_ms(ms)


def _text(value: Value) -> str:
    if not isinstance(value, str):
        raise ValueError(f"expected text, found {type(value).__name__}")  # noqa: TRY004  a bad row is a bad value
    return value


def _optional_text(value: Value) -> str | None:
    return None if value is None else _text(value)


def _number(value: Value) -> int:
    if not isinstance(value, int):
        raise ValueError(f"expected a number, found {type(value).__name__}")  # noqa: TRY004  a bad row is a bad value
    return value


def _bytes(value: Value) -> bytes:
    if not isinstance(value, bytes):
        raise ValueError(f"expected bytes, found {type(value).__name__}")  # noqa: TRY004  a bad row is a bad value
    return value
