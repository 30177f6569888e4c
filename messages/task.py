"""What robots and operators send about tasks."""

import re
import unicodedata
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    WithJsonSchema,
)

from messages.wire import LANGUAGE_PATTERN, Id, Incoming, JsonValue

MAX_INSTRUCTION_CHARS = 4_000
MAX_LIST_ITEMS = 256
MAX_NAME_CHARS = 256
MAX_CONSTRAINT_CHARS = 8_192  # of one list: skills are compiled, and words are sought in every step
_NFC_SHRINK = 4  # the most characters that NFC makes one of
_MAX_MARKS = 30
_RFC_3339 = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?([Zz]|[+-]\d\d:?\d\d)", re.ASCII
)


def _clean_text(text: str) -> str:
    """Return a sentence in NFC."""
    return _cleaned(text, MAX_INSTRUCTION_CHARS)


def _clean_name(text: str) -> str:
    """Return a name in NFC."""
    return _cleaned(text, MAX_NAME_CHARS)


def _cleaned(text: str, max_chars: int) -> str:
    """Return the text in NFC; refuse what no spoken sentence has.

    Every limit holds for what is returned: it is stored, and read again by the same rules. NFC
    makes some texts longer, and of one mark two.
    """
    too_long = f"must have at most {max_chars} characters"
    if len(text) > max_chars * _NFC_SHRINK:
        raise ValueError(too_long)  # before the normal form, which costs more
    _refuse_piled_marks(text)
    normal = unicodedata.normalize("NFC", text)
    if normal is not text:
        _refuse_piled_marks(normal)
    normal = normal.strip()
    if len(normal) > max_chars:
        raise ValueError(too_long)
    kinds = [(char, unicodedata.category(char)) for char in normal]
    if any(kind in {"Cc", "Cs"} and char not in "\t\n\r" for char, kind in kinds):
        raise ValueError("must not contain control characters or lone surrogates")
    if all(kind[0] in "CZ" for _, kind in kinds):
        raise ValueError("must not be empty")
    return normal


def _bounded_together(names: list[str]) -> list[str]:
    if sum(map(len, names)) > MAX_CONSTRAINT_CHARS:
        raise ValueError(f"must have at most {MAX_CONSTRAINT_CHARS} characters in all")
    return names


def _refuse_piled_marks(text: str) -> None:
    """Hold to the Stream-Safe Text Format (UAX #15): sorting longer runs is quadratic."""
    run = 0
    for char in "" if text.isascii() else text:
        run = run + 1 if unicodedata.combining(char) else 0
        if run > _MAX_MARKS:
            raise ValueError(f"must not pile more than {_MAX_MARKS} marks on one letter")


def _moment(value: object) -> datetime:
    """Read RFC 3339 into UTC; a bare number could be seconds or milliseconds, so it is refused."""
    if isinstance(value, str) and _RFC_3339.fullmatch(value):
        try:
            value = datetime.fromisoformat(value.upper())
        except ValueError as error:
            raise ValueError(f"is no moment: {error}") from error
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise ValueError("must be RFC 3339 with a time zone, such as 2026-01-31T12:00:00Z")
    try:
        return value.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("must lie between the years 1 and 9999 in UTC") from error


def _written(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


Moment = Annotated[
    datetime,
    PlainValidator(_moment),
    PlainSerializer(_written, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
Text = Annotated[
    str,
    Field(min_length=1, json_schema_extra={"maxLength": MAX_INSTRUCTION_CHARS}),
    AfterValidator(_clean_text),
]
Name = Annotated[
    str,
    Field(min_length=1, json_schema_extra={"maxLength": MAX_NAME_CHARS}),
    AfterValidator(_clean_name),
]
Names = Annotated[list[Name], Field(max_length=MAX_LIST_ITEMS)]
ConstraintNames = Annotated[Names, AfterValidator(_bounded_together)]


class Mode(StrEnum):
    """How far the node goes with a task."""

    PLAN_ONLY = "PLAN_ONLY"  # the plan is the end
    PLAN_AND_TRACK = "PLAN_AND_TRACK"  # follow feedback and replan


class OnFailure(StrEnum):
    """What happens when a subtask fails."""

    FAIL = "FAIL"
    REPLAN = "REPLAN"
    ASK = "ASK"


class ControlOp(StrEnum):
    """What an operator can ask of a task."""

    CANCEL = "CANCEL"
    GET = "GET"
    REPLAN = "REPLAN"
    ANSWER = "ANSWER"
    REPRIORITIZE = "REPRIORITIZE"


class TaskContext(Incoming):
    """What the robot knows when it asks."""

    places: Names = []
    objects: Names = []
    completed: Names = []
    failed: Names = []
    notes: Text | None = None


class TaskConstraints(Incoming):
    """Limits on the plan; an unknown one is refused, since ignoring a limit is unsafe."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    max_subtasks: int | None = Field(default=None, ge=1, le=MAX_LIST_ITEMS)
    allowed_skills: ConstraintNames = []
    forbidden: ConstraintNames = []


class GenerationOptions(Incoming):
    """How the model generates; greedy when nothing is said."""

    max_new_tokens: int | None = Field(default=None, ge=1, le=131_072)
    temperature: float = Field(default=0.0, ge=0.0, le=5.0)
    top_p: float = Field(default=1.0, gt=0.0, le=1.0)
    seed: int | None = Field(default=None, ge=0, le=2**63 - 1)


class RobotCandidate(Incoming):
    """One robot that a fleet task may be given to."""

    robot_id: Id
    skills: Names = []


class TaskCommand(Incoming):
    """A task in words, to be split into subtasks."""

    schema_version: str = "1.0"
    instruction: Text
    task_id: Id | None = None
    robot_id: Id | None = None
    language: str | None = Field(default=None, pattern=LANGUAGE_PATTERN, max_length=35)
    context: TaskContext | None = None
    constraints: TaskConstraints | None = None
    tool: Name | None = None
    robots: list[RobotCandidate] = Field(default=[], max_length=MAX_LIST_ITEMS)
    priority: int = Field(default=50, ge=0, le=100)
    deadline: Moment | None = None
    mode: Mode = Mode.PLAN_ONLY
    on_failure: OnFailure = OnFailure.FAIL
    max_replans: int = Field(default=3, ge=0, le=100)
    generation: GenerationOptions | None = None
    requester: Name | None = None
    labels: Names = []
    timestamp: Moment | None = None


class TaskControl(Incoming):
    """An operator's word about a task that exists."""

    schema_version: str = "1.0"
    op: ControlOp
    task_id: Id
    robot_id: Id | None = None
    answer: Text | None = None
    priority: int | None = Field(default=None, ge=0, le=100)
    reason: Text | None = None


class SubtaskFeedback(Incoming):
    """How a robot fares with one subtask."""

    schema_version: str = "1.0"
    task_id: Id
    subtask_id: Id
    state: Literal["RUNNING", "FINISHED", "FAILED"]
    robot_id: Id | None = None
    reason: Text | None = None
    observations: JsonValue = None
