"""What an operator says about one task, as bodies of its action routes."""

from pydantic import Field

from messages.task import ControlOp, TaskControl, Text
from messages.wire import Incoming


class CancelBody(Incoming):
    """Ends a task; an empty body does too."""

    reason: Text | None = None

    def control(self, task_id: str) -> TaskControl:
        """Return the same as a message."""
        return TaskControl(op=ControlOp.CANCEL, task_id=task_id, reason=self.reason)


class AnswerBody(Incoming):
    """Answers the question in the task's status."""

    answer: Text

    def control(self, task_id: str) -> TaskControl:
        """Return the same as a message."""
        return TaskControl(op=ControlOp.ANSWER, task_id=task_id, answer=self.answer)


class ReplanBody(Incoming):
    """Asks for the plan's next revision; an empty body does too."""

    reason: Text | None = None

    def control(self, task_id: str) -> TaskControl:
        """Return the same as a message."""
        return TaskControl(op=ControlOp.REPLAN, task_id=task_id, reason=self.reason)


class PriorityBody(Incoming):
    """Moves a waiting task in the queue."""

    priority: int = Field(ge=0, le=100)

    def control(self, task_id: str) -> TaskControl:
        """Return the same as a message."""
        return TaskControl(op=ControlOp.REPRIORITIZE, task_id=task_id, priority=self.priority)


ActionBody = CancelBody | AnswerBody | ReplanBody | PriorityBody
