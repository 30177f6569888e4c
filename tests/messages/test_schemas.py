"""The published schemas say what is taken."""

from messages.task import TaskCommand


def test_the_schema_says_where_null_is_not_given() -> None:
    fields = TaskCommand.model_json_schema()["properties"]
    assert {"type": "null"} in fields["priority"]["anyOf"]
    assert fields["priority"]["default"] == 50
    assert "anyOf" not in fields["instruction"]
