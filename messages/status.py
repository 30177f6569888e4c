"""What the node says about a task and about itself."""

from enum import StrEnum

from pydantic import Field

from messages.fleet import Partition
from messages.problem import Problem, ProblemCode
from messages.wire import SCHEMA_VERSION, Id, JsonValue, Outgoing, Timestamp


class TaskState(StrEnum):
    """Where a task is in its life."""

    QUEUED = "QUEUED"  # accepted and journalled, waiting for the model
    PLANNING = "PLANNING"  # the model is writing the plan
    INPUT_REQUIRED = "INPUT_REQUIRED"  # the node asked a question and waits for ANSWER
    PLANNED = "PLANNED"  # the whole plan is out; the end of PLAN_ONLY
    EXECUTING = "EXECUTING"  # PLAN_AND_TRACK: the robot is at work
    REPLANNING = "REPLANNING"  # a subtask failed, a new revision is being made
    COMPLETED = "COMPLETED"  # every subtask is finished
    REJECTED = "REJECTED"  # never accepted: the command itself is at fault
    DECLINED = "DECLINED"  # understood and refused
    FAILED = "FAILED"  # the node could not plan it
    CANCELED = "CANCELED"  # somebody asked for its end
    EXPIRED = "EXPIRED"  # its deadline, its Message Expiry or its question's time passed first


class NodeState(StrEnum):
    """Where the node is in its life."""

    STARTING = "STARTING"
    LOADING_MODEL = "LOADING_MODEL"
    READY = "READY"
    DRAINING = "DRAINING"
    OFFLINE = "OFFLINE"
    CONNECTION_BROKEN = "CONNECTION_BROKEN"  # only ever said by the last will


class QueuePosition(Outgoing):
    """How many tasks go before this one, as things stand, and how many wait in all.

    Among equally urgent tasks the robots take turns, so one that comes later may still go first.
    """

    position: int
    depth: int


class Progress(Outgoing):
    """How many subtasks are done, of how many (unknown while the plan is being written)."""

    done: int
    total: int | None = None


class Question(Outgoing):
    """What the node needs to know before it can plan."""

    question_id: Id
    text: str
    options: list[str] = []


class TaskTimes(Outgoing):
    """When the task reached each stage.

    ``sent`` is the command's own timestamp, by the sender's clock; ``expires`` is when its Message
    Expiry ends a task that still waits for its first plan.
    """

    sent: Timestamp | None = None
    expires: Timestamp | None = None
    received: Timestamp
    queued: Timestamp | None = None
    started: Timestamp | None = None
    finished: Timestamp | None = None


class TaskStatus(Outgoing):
    """Each change of a task's state; ``status_version`` grows by one with each."""

    schema_version: str = SCHEMA_VERSION
    message_id: Id
    timestamp: Timestamp
    node_id: Id
    task_id: Id | None
    robot_id: Id | None
    status: TaskState
    previous_status: TaskState | None = None
    status_version: int = Field(ge=1)
    revision: int | None = None
    queue: QueuePosition | None = None
    progress: Progress | None = None
    question: Question | None = None
    problem: Problem | None = None
    warnings: list[str] = []
    requester: str | None = None
    labels: list[str] = []
    times: TaskTimes


class NodeStatus(Outgoing):
    """The node's life sign, retained; the last will has the same shape."""

    schema_version: str = SCHEMA_VERSION
    node_id: Id
    session_id: Id
    state: NodeState
    since: Timestamp
    queue_depth: int = 0
    running: int = 0
    model_ready: bool = False
    uptime_s: float = 0.0


class NodeInfo(Outgoing):
    """The node explains itself: model, limits, topics, schemas, error codes."""

    schema_version: str = SCHEMA_VERSION
    node_id: Id
    software_version: str
    schema_versions: list[str]
    model: dict[str, JsonValue]
    limits: dict[str, int | float]
    languages: list[str]
    tools: list[str]
    topics: dict[str, str]
    schemas: dict[str, dict[str, JsonValue]]
    error_codes: list[ProblemCode]
    partition: Partition | None = None  # where several nodes share the robots
