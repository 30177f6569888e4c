"""What robots and operators send about tasks."""

import unicodedata
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, ConfigDict, Field

from messages.wire import Id, Incoming, JsonValue

MAX_INSTRUCTION_CHARS = 4_000
MAX_LIST_ITEMS = 256
MAX_NAME_CHARS = 256


def _clean_text(text: str) -> str:
    """Return the text in NFC; refuse control characters, which no spoken sentence has."""
    normal = unicodedata.normalize("NFC", text).strip()
    if not normal:
        raise ValueError("must not be empty")
    if any(unicodedata.category(char) in {"Cc", "Cs"} and char not in "\t\n\r" for char in normal):
        raise ValueError("must not contain control characters or lone surrogates")
    if len(normal) > MAX_INSTRUCTION_CHARS:
        raise ValueError(f"must have at most {MAX_INSTRUCTION_CHARS} characters")
    return normal


Text = Annotated[str, Field(min_length=1), AfterValidator(_clean_text)]
Name = Annotated[str, Field(min_length=1, max_length=MAX_NAME_CHARS), AfterValidator(_clean_text)]
Names = Annotated[list[Name], Field(max_length=MAX_LIST_ITEMS)]


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
    allowed_skills: Names = []
    forbidden: Names = []


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
    language: str | None = Field(
        default=None, pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$", max_length=35
    )
    context: TaskContext | None = None
    constraints: TaskConstraints | None = None
    tool: Name | None = None
    robots: list[RobotCandidate] = Field(default=[], max_length=MAX_LIST_ITEMS)
    priority: int = Field(default=50, ge=0, le=100)
    deadline: AwareDatetime | None = None
    mode: Mode = Mode.PLAN_ONLY
    on_failure: OnFailure = OnFailure.FAIL
    max_replans: int = Field(default=3, ge=0, le=100)
    generation: GenerationOptions | None = None
    requester: Name | None = None
    labels: Names = []
    timestamp: AwareDatetime | None = None


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
