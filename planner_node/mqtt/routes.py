"""Which topics an event goes to, and with which properties."""

import re
from dataclasses import replace
from datetime import datetime
from typing import Final

from messages.topics import ERRORS, ROBOT_STATUS, ROBOT_STREAM, ROBOT_SUBTASKS, TASK_STATUS, Topic
from planner_node.mqtt.packets import MessageProperties, Publication
from planner_node.tasks.record import Event, EventKind, Reply, StoredEvent

CONTENT_TYPE: Final = "application/json"
_ROWS: Final = {
    EventKind.STATUS: ROBOT_STATUS,
    EventKind.NOTICE: ROBOT_STATUS,
    EventKind.SUBTASK: ROBOT_STREAM,
    EventKind.PLAN: ROBOT_SUBTASKS,
    EventKind.ERROR: ERRORS,
}
# A quote within a JSON string is escaped, so this is found as a key only; ours comes first.
_TIMESTAMP: Final = re.compile(rb'"timestamp":"([^"\\]+)"')
_REJECTED: Final = b'"status":"REJECTED"'  # likewise
_PLAIN: Final = MessageProperties(content_type=CONTENT_TYPE)
_COPIED: Final = {EventKind.STATUS, EventKind.NOTICE, EventKind.PLAN, EventKind.ERROR}


def publications_of(stored: StoredEvent, root: str, now: datetime) -> list[Publication]:
    """Return what is to be published for one event, in order.

    Of a task that another node has changed since, the lines of a plan that came to nothing are no
    news any more, and a retained copy could overwrite that node's.
    """
    event, is_overtaken = stored.event, stored.is_overtaken
    if is_overtaken and event.kind is EventKind.SUBTASK:
        return []
    publications = []
    row = _ROWS[event.kind]
    if event.kind is EventKind.ERROR:
        publications.append(_publication(row, row.name(root), event))
    elif event.robot_id is not None:
        publications.append(_publication(row, row.name(root, robot_id=event.robot_id), event))
    if event.kind is EventKind.STATUS and event.task_id is not None and not is_overtaken:
        publications += _late_joiners(event, event.task_id, root, now)
    if event.kind is EventKind.NOTICE and event.task_id is not None and _REJECTED in event.payload:
        publications.append(_to_followers(event, event.task_id, root))
    if event.reply is not None and event.kind in _COPIED:
        publications += [
            _publication(row, topic, replace(event, reply=asker), asker.expiry_s)
            for topic, asker in event.reply.askers.items()
        ]
    return publications


def clearing_of(task_id: str, root: str) -> Publication:
    """Return what removes the retained status of a task that leaves the history."""
    return Publication(TASK_STATUS.name(root, task_id=task_id), b"", retain=True)


def _late_joiners(event: Event, task_id: str, root: str, now: datetime) -> list[Publication]:
    """Return the retained copy with what is left of its time, none if that has run out.

    The expiry is computed when it is sent: neither the outbox nor paho counts it down.
    """
    age_s = max(0.0, (now - _timestamp(event.payload, now)).total_seconds())
    left_s = int((TASK_STATUS.message_expiry_s or 0) - age_s)
    if left_s < 1:
        return []
    topic = TASK_STATUS.name(root, task_id=task_id)
    return [_publication(TASK_STATUS, topic, event, expiry_s=left_s)]


def _to_followers(event: Event, task_id: str, root: str) -> Publication:
    """Return the copy for who waits for a task that was refused.

    Not retained: no history holds the id, so nothing would ever clear it, and every refused
    command of a robot gone wrong would stay on the broker for a day.
    """
    topic = TASK_STATUS.name(root, task_id=task_id)
    return replace(_publication(TASK_STATUS, topic, event), retain=False)


def _timestamp(payload: bytes, otherwise: datetime) -> datetime:
    found = _TIMESTAMP.search(payload)
    try:
        return datetime.fromisoformat(found[1].decode()) if found else otherwise
    except ValueError:
        return otherwise


def _publication(row: Topic, topic: str, event: Event, expiry_s: int | None = None) -> Publication:
    return Publication(
        topic, event.payload, row.qos, row.retain, expiry_s, _properties(event.reply)
    )


def _properties(reply: Reply | None) -> MessageProperties:
    if reply is None:
        return _PLAIN
    return MessageProperties(
        correlation_data=reply.correlation_data,
        user_properties=reply.user_properties,
        content_type=CONTENT_TYPE,
    )
