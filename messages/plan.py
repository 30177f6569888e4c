"""The plan: subtasks one by one, and the whole list."""

from enum import StrEnum

from pydantic import Field

from messages.wire import SCHEMA_VERSION, Id, JsonValue, Outgoing, Timestamp


class SubtaskEventType(StrEnum):
    """What a line of the subtask stream says."""

    SUBTASK_ADDED = "SUBTASK_ADDED"
    PLAN_COMPLETED = "PLAN_COMPLETED"
    PLAN_FAILED = "PLAN_FAILED"


class Subtask(Outgoing):
    """One step of a plan; ``task`` and ``description`` are the tool's own two fields."""

    subtask_id: Id
    seq: int = Field(ge=0)
    task: str
    description: str = ""
    depends_on: list[Id] = []
    skill: str | None = None
    arguments: dict[str, JsonValue] | None = None
    robot_id: Id | None = None


class GenerationReport(Outgoing):
    """How the plan was made: model, tokens, forward passes (0: not known) and time."""

    model: str
    quantization: str
    prompt_tokens: int
    completion_tokens: int
    forward_passes: int
    latency_ms: float
    first_subtask_ms: float | None = None
    attempts: int = 1
    seed: int | None = None


class SubtaskList(Outgoing):
    """The whole plan, or its next revision."""

    schema_version: str = SCHEMA_VERSION
    message_id: Id
    timestamp: Timestamp
    node_id: Id
    task_id: Id
    robot_id: Id | None
    revision: int = Field(default=0, ge=0)
    supersedes: int | None = None
    language: str
    tasks: list[Subtask]
    generation: GenerationReport


class SubtaskEvent(Outgoing):
    """One line of the stream; ``(task_id, revision, attempt, seq)`` is unique."""

    schema_version: str = SCHEMA_VERSION
    timestamp: Timestamp
    node_id: Id
    task_id: Id
    robot_id: Id | None
    revision: int = Field(default=0, ge=0)
    attempt: int = Field(default=1, ge=1)
    type: SubtaskEventType
    seq: int | None = None
    subtask: Subtask | None = None
    total: int | None = None
