"""Every way the node fails, as one tree.

PlannerError
├─ CommandRejected    the sender can mend it        caught at the doors
│  ├─ BadCommand      malformed, wrong schema, too large … (the code says which)
│  ├─ TaskNotFound · WrongState · TaskMoved (TaskElsewhere) · DuplicateConflict · QueueFull
│  ├─ NotEnabled · UnknownTool
│  └─ UnsupportedSchema · ContextTooLong · Unauthorized · DeadlineAlreadyPassed
├─ PlanningFailed     this task ends                caught in planner/run
│  ├─ OutputTruncated · OutOfMemory · GenerationTimeout · DeadlinePassed
│  ├─ ConstraintBroken · PlanInvalid · ModelNotReady (ModelNotReached) · EndpointRefused
│  └─ RowUnreadable
└─ NodeBroken         the node ends, or does not start    caught in node
   └─ SettingsRefused · ModelNotLoaded · EngineDied · JournalLost · LeaseLost ·
      BrokerRefused
"""

from typing import ClassVar, Final

from messages.problem import Problem, ProblemCode, problem
from messages.wording import in_both

_MAKE_ROOM: Final = (
    "Free disk space where the journal is, or bring its database back, and try again.",
    "請釋放日誌所在磁碟的空間，或恢復其資料庫，然後重試。",
)


class PlannerError(Exception):
    """Anything that goes wrong; carries a wire problem."""

    code: ClassVar[ProblemCode] = ProblemCode.INTERNAL

    def __init__(self, reason: str = "", **references: object) -> None:
        super().__init__(reason or type(self).code.value)
        self.references = {"reason": reason, **references} if reason else references

    @property
    def problem(self) -> Problem:
        """The same as a message for the wire."""
        return problem(self.code, self.references)


class CommandRejected(PlannerError):
    """The sender can mend it."""


class BadCommand(CommandRejected):
    """The command is at fault before it is looked at as a task."""

    def __init__(self, code: ProblemCode, reason: str = "", **references: object) -> None:
        super().__init__(reason, **references)
        self.args = (reason or code.value,)
        self.bad_code = code

    @property
    def problem(self) -> Problem:
        return problem(self.bad_code, self.references)


class TaskNotFound(CommandRejected):
    """No such task in the journal."""

    code = ProblemCode.TASK_NOT_FOUND


class WrongState(CommandRejected):
    """The task's state does not allow it."""

    code = ProblemCode.INVALID_STATE_TRANSITION


class TaskMoved(CommandRejected):
    """Another node on the same journal has changed the task since this one read it."""

    code = ProblemCode.INVALID_STATE_TRANSITION


class TaskElsewhere(TaskMoved):
    """A node with a broker has the task, and this one could not tell its robot of a change."""

    code = ProblemCode.NOT_ENABLED


class DuplicateConflict(CommandRejected):
    """The id was used with other content."""

    code = ProblemCode.DUPLICATE_CONFLICT


class QueueFull(CommandRejected):
    """No room; try later."""

    code = ProblemCode.QUEUE_FULL


class RateLimited(CommandRejected):
    """Too many tasks from one robot; try later."""

    code = ProblemCode.RATE_LIMITED


class NotEnabled(CommandRejected):
    """A part of the contract that is not built yet."""

    code = ProblemCode.NOT_ENABLED


class UnknownTool(CommandRejected):
    """The command names a tool that is not configured."""

    code = ProblemCode.UNKNOWN_TOOL


class UnsupportedSchema(CommandRejected):
    """The grammar cannot promise this JSON Schema."""

    code = ProblemCode.UNSUPPORTED_SCHEMA


class ContextTooLong(CommandRejected):
    """The prompt does not fit the model's context, or leaves too little of it for the answer."""

    code = ProblemCode.CONTEXT_TOO_LONG


class Unauthorized(CommandRejected):
    """No valid key."""

    code = ProblemCode.UNAUTHORIZED


class DeadlineAlreadyPassed(CommandRejected):
    """Too late on arrival."""

    code = ProblemCode.EXPIRED


class PlanningFailed(PlannerError):
    """This task ends, the node goes on."""


class OutputTruncated(PlanningFailed):
    """``max_new_tokens`` was reached inside the plan."""

    code = ProblemCode.OUTPUT_TRUNCATED


class OutOfMemory(PlanningFailed):
    """The device had no room for this."""

    code = ProblemCode.OUT_OF_MEMORY


class GenerationTimeout(PlanningFailed):
    """The model took longer than the settings allow."""

    code = ProblemCode.GENERATION_TIMEOUT


class DeadlinePassed(PlanningFailed):
    """The task's deadline passed while it was planned."""

    code = ProblemCode.DEADLINE_EXCEEDED


class ConstraintBroken(PlanningFailed):
    """The grammar refused a token that was chosen under its own mask."""


class PlanInvalid(PlanningFailed):
    """The plan has the right shape and no sense, or breaks a constraint."""

    code = ProblemCode.PLAN_INVALID


class ModelNotReady(PlanningFailed):
    """The model is still loading, or is gone."""

    code = ProblemCode.MODEL_NOT_READY


class ModelNotReached(ModelNotReady):
    """Nobody began to answer: the task may be asked again and loses no attempt by it."""


class EndpointRefused(PlanningFailed):
    """A server of the remote engine does not take this request, and would not take it again."""


class RowUnreadable(PlanningFailed):
    """The journal has the task, and nothing of it can be read: asking again does not help."""


class NodeBroken(PlannerError):
    """The node cannot go on, or cannot start."""


class SettingsRefused(NodeBroken):
    """A setting is unknown, wrong or contradictory."""


class ModelNotLoaded(NodeBroken):
    """The weights are not there, not allowed, or do not fit."""


class EngineDied(NodeBroken):
    """The engine's thread ended with an exception."""


class JournalLost(NodeBroken):
    """The disk refused a commit."""

    @property
    def problem(self) -> Problem:
        return problem(self.code, self.references, _MAKE_ROOM)


class LeaseLost(NodeBroken):
    """Another process has this node's tasks; whatever this one still does must not count."""


class BrokerRefused(NodeBroken):
    """The broker does not let this node in."""


def explained(error: PlannerError) -> list[str]:
    """Return what is wrong and what to do, line by line for a terminal, in both languages."""
    told = error.problem
    # What INTERNAL says in general points to the node's log, and no node may be running here.
    general = told.hint if told.code is not ProblemCode.INTERNAL else None
    hint = error.references.get("hint") or general or ""
    return [*in_both(str(error)), *in_both(str(hint))]
