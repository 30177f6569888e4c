"""The content hash knows what a command asks, and nothing of how it was sent."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

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
