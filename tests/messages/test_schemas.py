"""The published schemas say what is taken."""

import pytest

from messages.schemas import MESSAGES
from messages.task import TaskCommand
from messages.wording import in_chinese


def test_the_schema_says_where_null_is_not_given() -> None:
    fields = TaskCommand.model_json_schema()["properties"]
    assert {"type": "null"} in fields["priority"]["anyOf"]
    assert fields["priority"]["default"] == 50
    assert "anyOf" not in fields["instruction"]


@pytest.mark.parametrize("name", MESSAGES)
def test_what_a_message_is_can_be_told_in_chinese(name: str) -> None:
    assert in_chinese((MESSAGES[name].__doc__ or "").splitlines()[0]) is not None
