"""A task as the HTTP door shows it, and how tasks are asked for."""

import re
from typing import Annotated, Final

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from messages.plan import SubtaskList
from messages.status import TaskState, TaskStatus
from messages.task import Name, TaskCommand
from messages.wire import ID_PATTERN, Id
from planner_node.tasks.record import TaskFilter

MAX_PAGE: Final = 500
_DATE_AND_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt ]")


def _is_rfc_3339(moment: object) -> object:
    """Refuse bare numbers, which would be read as seconds since 1970."""
    if isinstance(moment, str) and not _DATE_AND_TIME.match(moment):
        raise ValueError("must be an RFC 3339 moment, such as 2026-03-01T12:00:00Z")
    return moment


class TaskQuery(BaseModel):
    """Which tasks are wanted; every filter that is given must fit."""

    status: list[TaskState] = Field(default=[], description="May be repeated.")
    robot_id: str | None = Field(default=None, pattern=ID_PATTERN)
    label: Name | None = None  # read as labels are, for it is compared with what was stored
    since: Annotated[AwareDatetime | None, BeforeValidator(_is_rfc_3339)] = Field(
        default=None, description="Received at or after."
    )
    limit: int = Field(default=50, ge=1, le=MAX_PAGE)
    cursor: int | None = Field(default=None, ge=0, le=2**63 - 1)

    @property
    def filter(self) -> TaskFilter:
        """The same for the planner; one more than shown tells whether another page follows."""
        return TaskFilter(
            states=tuple(self.status),
            robot_id=self.robot_id,
            label=self.label,
            since=self.since,
            limit=self.limit + 1,
            cursor=self.cursor,
        )


class TaskOrder(TaskCommand):
    """A TaskCommand over HTTP, where no topic says which robot it is for."""

    robot_id: Id


class TaskView(TaskStatus):
    """The task's status, what was asked, and the plan as soon as there is one."""

    command: TaskCommand
    plan: SubtaskList | None = None


class TaskPage(BaseModel):
    """Some tasks, newest first; ``next_cursor`` asks for the ones before them."""

    model_config = ConfigDict(extra="forbid")

    tasks: list[TaskStatus]
    next_cursor: str | None = Field(
        default=None, description="Give it back as `cursor`; null on the last page."
    )


def view_of(status: TaskStatus, command: TaskCommand, plan: SubtaskList | None) -> TaskView:
    """Put a task's parts together."""
    fields = {name: getattr(status, name) for name in TaskStatus.model_fields}
    return TaskView(**fields, command=command, plan=plan)
