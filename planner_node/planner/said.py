"""What was last said of a task."""

from contextlib import suppress

from messages.status import TaskStatus
from planner_node.planner.ports import TaskJournal
from planner_node.tasks.record import EventKind


async def last_status(journal: TaskJournal, task_id: str) -> TaskStatus | None:
    """Return the last status of a task that was told and can be read."""
    told = [one.event for one in await journal.events(task_id)]
    for event in reversed(told):
        if event.kind is EventKind.STATUS:
            with suppress(ValueError):
                return TaskStatus.model_validate_json(event.payload)
    return None
