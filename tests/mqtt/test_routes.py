"""Which topics each event goes to."""

from datetime import timedelta

import pytest

from planner_node.mqtt.packets import Publication
from planner_node.mqtt.routes import clearing_of, publications_of
from planner_node.tasks.record import Event, EventKind, Reply, StoredEvent
from tests.fakes.clock import START

ROOT = "planner/v1"
STATUS = b'{"timestamp":"2026-11-23T12:00:00.000Z"}'
REPLY = Reply("desk/7", b"\x01\x02", (("traceparent", "t"),))


def stored(
    kind: EventKind = EventKind.STATUS,
    reply: Reply | None = None,
    robot_id: str | None = "r1",
    *,
    is_overtaken: bool = False,
) -> StoredEvent:
    event = Event(kind, STATUS, "t1", robot_id, reply)
    return StoredEvent(7, event, is_overtaken=is_overtaken)


def sent(kind: EventKind, reply: Reply | None = None, robot_id: str | None = "r1") -> list[str]:
    return topics_of(stored(kind, reply, robot_id))


def topics_of(one: StoredEvent) -> list[str]:
    return [publication.topic for publication in publications_of(one, ROOT, START)]


@pytest.mark.parametrize(
    ("kind", "topics"),
    [
        (EventKind.STATUS, [f"{ROOT}/robots/r1/status", f"{ROOT}/tasks/t1/status", "desk/7"]),
        (EventKind.NOTICE, [f"{ROOT}/robots/r1/status", "desk/7"]),
        (EventKind.SUBTASK, [f"{ROOT}/robots/r1/subtasks/stream"]),
        (EventKind.PLAN, [f"{ROOT}/robots/r1/subtasks", "desk/7"]),
        (EventKind.ERROR, [f"{ROOT}/errors", "desk/7"]),
    ],
)
def test_each_kind_goes_to_its_topics(kind: EventKind, topics: list[str]) -> None:
    assert sent(kind, REPLY) == topics


def test_without_a_reply_topic_there_is_no_copy() -> None:
    assert sent(EventKind.PLAN, Reply(None, b"x")) == [f"{ROOT}/robots/r1/subtasks"]


def test_a_task_without_a_robot_has_its_own_topic_only() -> None:
    assert sent(EventKind.STATUS, robot_id=None) == [f"{ROOT}/tasks/t1/status"]


def test_only_the_copy_for_late_joiners_is_retained() -> None:
    event = stored(reply=REPLY)
    assert [p.retain for p in publications_of(event, ROOT, START)] == [False, True, False]


def test_expiry_is_what_is_left_of_a_day_when_it_is_sent() -> None:
    event = stored()
    later = START + timedelta(hours=1)
    assert publications_of(event, ROOT, later)[1].expiry_s == 23 * 3_600


def test_a_status_older_than_a_day_is_not_retained_any_more() -> None:
    event = stored()
    topics = [p.topic for p in publications_of(event, ROOT, START + timedelta(days=2))]
    assert topics == [f"{ROOT}/robots/r1/status"]


@pytest.mark.parametrize("kind", EventKind)
def test_correlation_data_and_trace_are_echoed_on_every_copy(kind: EventKind) -> None:
    sent = publications_of(stored(kind, REPLY), ROOT, START)
    echoed = {(p.properties.correlation_data, p.properties.user_properties) for p in sent}
    assert echoed == {(REPLY.correlation_data, REPLY.user_properties)}


def test_message_expiry_is_echoed_on_the_response_topic_alone() -> None:
    event = stored(EventKind.PLAN, Reply("desk/7", expiry_s=30))
    expiries = {p.topic: p.expiry_s for p in publications_of(event, ROOT, START)}
    assert expiries == {f"{ROOT}/robots/r1/subtasks": None, "desk/7": 30}


def test_each_of_several_askers_gets_a_copy_with_what_it_sent_itself() -> None:
    asked = Reply(None, b"2", others=(Reply("desk/2", b"2", expiry_s=9), Reply("desk/1", b"1")))
    sent = publications_of(stored(EventKind.PLAN, asked), ROOT, START)
    assert [(p.topic, p.properties.correlation_data, p.expiry_s) for p in sent] == [
        (f"{ROOT}/robots/r1/subtasks", b"2", None),
        ("desk/2", b"2", 9),
        ("desk/1", b"1", None),
    ]


def test_who_follows_a_task_that_is_refused_hears_of_it_and_nothing_is_retained() -> None:
    payload = b'{"timestamp":"2026-11-23T12:00:00.000Z","status":"REJECTED"}'
    told = StoredEvent(7, Event(EventKind.NOTICE, payload, "t1", "r1"))
    sent = [(p.topic, p.retain) for p in publications_of(told, ROOT, START)]
    assert sent == [(f"{ROOT}/robots/r1/status", False), (f"{ROOT}/tasks/t1/status", False)]


@pytest.mark.parametrize(
    ("task_id", "said"),
    [(None, b'"status":"REJECTED"'), ("t1", b'"status":"QUEUED","why":"\\"status\\":\\"REJECTED"')],
)
def test_no_other_notice_goes_to_who_follows_a_task(task_id: str | None, said: bytes) -> None:
    told = StoredEvent(7, Event(EventKind.NOTICE, b"{" + said + b"}", task_id, "r1"))
    assert topics_of(told) == [f"{ROOT}/robots/r1/status"]


def test_clearing_is_an_empty_retained_message() -> None:
    assert clearing_of("t1", ROOT) == Publication(f"{ROOT}/tasks/t1/status", b"", retain=True)


def test_what_another_node_has_overtaken_is_not_kept_as_the_last_word() -> None:
    overtaken = stored(reply=REPLY, is_overtaken=True)
    assert topics_of(overtaken) == [f"{ROOT}/robots/r1/status", "desk/7"]


def test_a_subtask_of_a_plan_that_another_node_has_ended_is_not_published() -> None:
    assert topics_of(stored(EventKind.SUBTASK, is_overtaken=True)) == []
