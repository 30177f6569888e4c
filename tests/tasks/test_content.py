"""The content hash knows what a command asks, and nothing of how it was sent."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from messages.decode import decode_task
from messages.task import GenerationOptions, TaskCommand, TaskConstraints, TaskContext
from planner_node.tasks.content import content_hash

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
COMMAND = TaskCommand(instruction="把書放到桌上", task_id="t1", robot_id="r1")


def test_hash_of_equal_commands_is_equal() -> None:
    assert content_hash(COMMAND) == content_hash(COMMAND.model_copy())


def test_hash_ignores_the_time_of_sending() -> None:
    assert content_hash(COMMAND) == content_hash(COMMAND.model_copy(update={"timestamp": NOON}))


def test_hash_ignores_fields_that_the_node_ignores() -> None:
    told = TaskCommand.model_validate({**COMMAND.model_dump(exclude_unset=True), "trace": "x"})
    assert told.model_extra == {"trace": "x"}
    assert content_hash(told) == content_hash(COMMAND)


def test_hash_ignores_the_zone_a_deadline_is_written_in() -> None:
    taipei = NOON.astimezone(timezone(timedelta(hours=8)))
    hashes = {content_hash(COMMAND.model_copy(update={"deadline": at})) for at in (NOON, taipei)}
    assert len(hashes) == 1


@pytest.mark.parametrize(
    "said",
    [
        {"context": {}},
        {"context": {"places": [], "notes": None}},
        {"constraints": {}},
        {"generation": {"temperature": 0.0}},
        {"tool": "decompose_task"},
        {"schema_version": "1.1"},
    ],
)
def test_what_says_no_more_than_its_absence_is_the_same_content(said: dict[str, object]) -> None:
    told = TaskCommand.model_validate({**COMMAND.model_dump(exclude_unset=True), **said})
    assert content_hash(told) == content_hash(COMMAND)


def test_a_part_of_which_all_was_ignored_is_the_same_content() -> None:
    payload = b'{"instruction": "go", "task_id": "t1", "context": {"bar": 1}}'
    assert content_hash(decode_task(payload).message) == content_hash(
        TaskCommand(instruction="go", task_id="t1")
    )


def test_the_default_tool_is_the_nodes_own() -> None:
    named = COMMAND.model_copy(update={"tool": "report_status"})
    assert content_hash(named, "report_status") == content_hash(COMMAND, "report_status")
    assert content_hash(named) != content_hash(COMMAND)


@pytest.mark.parametrize(
    ("said", "journalled"),
    [
        ({}, "a9bc114ca5c0e9af0a3423d453a3d0cc464b4f4cc63c6dea11b70a312b8268b2"),
        (
            {
                "language": "en",
                "context": {"places": ["shelf"]},
                "constraints": {"max_subtasks": 3},
                "generation": {"seed": 1},
                "tool": "ask_clarification",
                "labels": ["night"],
            },
            "0ab9160ffe6bee93e40ebe35397522a3baa6640d8bca10a26abd6fc4ed68f3d7",
        ),
    ],
)
def test_hash_is_the_one_that_journals_hold_already(
    said: dict[str, object], journalled: str
) -> None:
    told = TaskCommand.model_validate({**COMMAND.model_dump(exclude_unset=True), **said})
    assert content_hash(told) == journalled


@pytest.mark.parametrize(
    "change",
    [
        {"instruction": "把書放到地上"},
        {"robot_id": "r2"},
        {"priority": 51},
        {"deadline": NOON},
        {"context": TaskContext(places=["desk"])},
        {"constraints": TaskConstraints(max_subtasks=3)},
        {"generation": GenerationOptions(seed=1)},
        {"labels": ["night"]},
    ],
)
def test_hash_changes_with_content(change: dict[str, object]) -> None:
    assert content_hash(COMMAND) != content_hash(COMMAND.model_copy(update=change))
