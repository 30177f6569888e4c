"""A task whose row in the journal was damaged: it ends FAILED, and whoever waits for it is told."""

from contextlib import suppress
from dataclasses import replace

from messages.problem import ProblemCode, problem
from messages.status import TaskState, TaskStatus
from planner_node.planner.desk import Desk, with_problem
from planner_node.planner.ports import TaskJournal
from planner_node.tasks.lifecycle import TaskEvent
from planner_node.tasks.record import EventKind, TaskRecord


async def end_damaged(desk: Desk, record: TaskRecord) -> TaskRecord:
    """End an unfinished task of which only remains are left; its gate is held.

    It cannot be planned, since what was asked is not certain any more. Its row can be read again.
    """
    why = {"reason": f"the journal's row of this task cannot be read: {record.damage}"}
    said = await _last_version(desk.parts.journal, record.task_id)
    remains = replace(
        with_problem(record, problem(ProblemCode.INTERNAL, why)),
        state=TaskState.QUEUED,  # from where every task can fail
        status_version=max(record.status_version, said),
        damage=None,
    )
    return await desk.ledger.move(remains, TaskEvent.PLANNING_FAILED, before=desk.closing)


async def _last_version(journal: TaskJournal, task_id: str) -> int:
    """Return the version that was told last: the row may not know it any more."""
    told = [one.event for one in await journal.events(task_id)]
    for event in reversed(told):
        if event.kind is EventKind.STATUS:
            with suppress(ValueError):
                return TaskStatus.model_validate_json(event.payload).status_version
    return 1
