"""The table of topics: every name reads back, and no id leaves its level."""

import re

import pytest

from messages.schemas import MESSAGES
from messages.topics import (
    DEFAULT_ROOT,
    ERRORS,
    FLEET_TASK,
    ROBOT_STATUS,
    ROBOT_STREAM,
    ROBOT_SUBTASKS,
    ROBOT_TASK,
    TASK_STATUS,
    TOPICS,
    Direction,
    Topic,
)

ROOTS = [DEFAULT_ROOT, "site", "a/b/c"]
IDS = ["robot-1", "A.b_c:d-9", "x" * 64, "..", "__proto__"]
BAD_IDS = {
    "empty": "",
    "65 characters": "x" * 65,
    "one level up": "a/b",
    "single wildcard": "+",
    "multi wildcard": "#",
    "system topic": "$SYS",
    "NUL": "a\x00b",
    "line break": "a\n",
    "space": "a b",
    "right-to-left override": "\u202eabc",
    "emoji": "🤖",
    "Chinese": "機器人",
    "full-width digit": "１",
    "SQL": "' OR 1=1 --",
    "shell": "$(reboot)",
}


def fields_of(topic: Topic) -> list[str]:
    return re.findall(r"\{(\w+)\}", topic.pattern)


def matches(topic_filter: str, name: str) -> bool:
    """Match as a broker does, without the multi-level wildcard."""
    levels, parts = topic_filter.split("/"), name.split("/")
    return len(levels) == len(parts) and all(
        level in {"+", part} for level, part in zip(levels, parts, strict=True)
    )


@pytest.mark.parametrize("root", ROOTS)
@pytest.mark.parametrize("topic", TOPICS.values(), ids=TOPICS)
@pytest.mark.parametrize("some_id", IDS)
def test_a_name_reads_back(topic: Topic, root: str, some_id: str) -> None:
    ids = dict.fromkeys(fields_of(topic), some_id)
    assert topic.parts(topic.name(root, **ids), root) == ids


@pytest.mark.parametrize("topic", TOPICS.values(), ids=TOPICS)
def test_a_filter_matches_its_names(topic: Topic) -> None:
    name = topic.name(**dict.fromkeys(fields_of(topic), "robot-1"))
    assert matches(topic.filter(), name)


@pytest.mark.parametrize("key", TOPICS)
def test_a_name_is_read_by_its_own_row_only(key: str) -> None:
    topic = TOPICS[key]
    name = topic.name(**dict.fromkeys(fields_of(topic), "x1"))
    assert [other for other, row in TOPICS.items() if row.parts(name) is not None] == [key]


@pytest.mark.parametrize("bad", BAD_IDS.values(), ids=BAD_IDS)
@pytest.mark.parametrize(
    "topic", [ROBOT_TASK, ROBOT_STATUS, ROBOT_SUBTASKS, ROBOT_STREAM], ids=lambda row: row.pattern
)
def test_an_id_that_could_leave_its_level_is_refused(topic: Topic, bad: str) -> None:
    with pytest.raises(ValueError, match="robot_id is not an id"):
        topic.name(robot_id=bad)


@pytest.mark.parametrize("bad", BAD_IDS.values(), ids=BAD_IDS)
def test_a_task_id_that_could_leave_its_level_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match="task_id is not an id"):
        TASK_STATUS.name(task_id=bad)


def test_a_name_without_its_id_is_refused() -> None:
    with pytest.raises(KeyError):
        ROBOT_TASK.name()


@pytest.mark.parametrize(
    "name",
    [
        "",
        "/",
        "planner/v1",
        "planner/v1/robots/r1",
        "planner/v1/robots/r1/task/more",
        "planner/v2/robots/r1/task",
        "planner/v1/robots/r1/tasks",
        "/planner/v1/robots/r1/task",
        "planner/v1/Robots/r1/task",
    ],
)
def test_another_name_has_no_parts(name: str) -> None:
    assert ROBOT_TASK.parts(name) is None


def test_ids_in_a_name_come_out_unchecked() -> None:
    assert ROBOT_TASK.parts("planner/v1/robots/$(reboot)/task") == {"robot_id": "$(reboot)"}


def test_only_late_joiners_topics_are_retained() -> None:
    retained = {key for key, topic in TOPICS.items() if topic.retain}
    assert retained == {"robot_profile", "task_status", "node_status", "node_info"}


def test_everything_is_delivered_at_least_once() -> None:
    assert {topic.qos for topic in TOPICS.values()} == {1}


def test_a_finished_task_leaves_the_broker_after_a_day() -> None:
    assert TASK_STATUS.message_expiry_s == 86_400


def test_every_topic_carries_a_message_with_a_schema() -> None:
    assert {topic.message.__name__ for topic in TOPICS.values()} <= set(MESSAGES)


@pytest.mark.parametrize(
    ("topic", "direction"),
    [
        (ROBOT_TASK, Direction.IN),
        (FLEET_TASK, Direction.IN),
        (ROBOT_STATUS, Direction.OUT),
        (ERRORS, Direction.OUT),
    ],
)
def test_a_topic_says_who_publishes(topic: Topic, direction: Direction) -> None:
    assert topic.direction is direction
