"""Which events of a task are said again, to whoever asks or to all who come later."""

import json
import logging
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import Final

from planner_node.tasks.record import EventKind, StoredEvent

log = logging.getLogger(__name__)
RESTATED: Final = "kind = 'STATUS' AND replay_of IS NOT NULL AND robot_id IS NULL"
"""How a copy is known that is for late joiners; in SQL, and no other event is like that."""


def last_said(said: Sequence[StoredEvent], kinds: Collection[EventKind]) -> Iterable[StoredEvent]:
    """Choose each kind's latest event, but of subtasks all that belong to the last attempt."""
    stream = [item for item in said if item.event.kind is EventKind.SUBTASK]
    last_attempt = max((_attempt(item) for item in stream), default=(0, 0))
    latest = {item.event.kind: item.event_id for item in said}
    for item in said:
        kind = item.event.kind
        if kind not in kinds:
            continue
        if kind is EventKind.SUBTASK:
            if _attempt(item) == last_attempt:
                yield item
        elif latest[kind] == item.event_id:
            yield item


def restated(last: StoredEvent) -> StoredEvent:
    """Return a task's last status without its robot and who asked, who have heard it."""
    return replace(last, event=replace(last.event, robot_id=None, reply=None))


def _attempt(item: StoredEvent) -> tuple[int, int]:
    """Return the revision and attempt that a line of the subtask stream names."""
    try:
        line = json.loads(item.event.payload)
        return int(line["revision"]), int(line["attempt"])
    except (ValueError, LookupError, TypeError) as error:
        log.error("! an event of the journal cannot be read: %d: %s", item.event_id, error)  # noqa: TRY400  the id tells more than the stack
        return 0, 0
