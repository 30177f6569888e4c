"""A task whose row in the journal was damaged: it ends FAILED, and whoever waits for it is told."""

from dataclasses import replace

from messages.problem import ProblemCode, problem
from messages.status import TaskState
from planner_node.planner.desk import Desk, with_problem
from planner_node.planner.said import last_status
from planner_node.tasks.lifecycle import TaskEvent
from planner_node.tasks.record import TaskRecord


async def end_damaged(desk: Desk, record: TaskRecord) -> TaskRecord:
    """End an unfinished task of which only remains are left; its gate is held.

    It cannot be planned, since what was asked is not certain any more. Its row can be read again.
    """
    why = {"reason": f"the journal's row of this task cannot be read: {record.damage}"}
    said = await last_status(desk.parts.journal, record.task_id)
    known = said.status_version if said else 1  # the row may not know it any more
    remains = replace(
        with_problem(record, problem(ProblemCode.INTERNAL, why)),
        state=TaskState.QUEUED,  # from where every task can fail
        status_version=max(record.status_version, known),
        damage=None,
    )
    return await desk.ledger.move(remains, TaskEvent.PLANNING_FAILED, before=desk.closing)
