"""One sample a message: read by its model, told by its JSON Schema, in both languages."""

import json
from importlib.resources import files
from typing import Any

import jsonschema
import pytest
from pydantic import BaseModel, ValidationError

from messages.decode import decode
from messages.schemas import MESSAGES, json_schema
from messages.status import NodeInfo
from messages.topics import DEFAULT_ROOT, TOPICS
from messages.wire import Incoming, Outgoing, encode

SAMPLES = files("messages") / "samples"
NAMES = sorted(MESSAGES)
IN = [name for name in NAMES if issubclass(MESSAGES[name], Incoming)]
OUT = [name for name in NAMES if issubclass(MESSAGES[name], Outgoing)]


def payload_of(name: str) -> bytes:
    return (SAMPLES / f"{name}.json").read_bytes()


def sample(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(payload_of(name))
    return loaded


def check_schema(name: str, document: object) -> None:
    checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
    jsonschema.Draft202012Validator(json_schema(name), format_checker=checker).validate(document)


def test_every_message_has_a_sample_and_no_sample_is_left_over() -> None:
    assert sorted(item.name for item in SAMPLES.iterdir()) == [f"{name}.json" for name in NAMES]


def test_every_message_comes_in_or_goes_out() -> None:
    assert sorted(IN + OUT) == NAMES


@pytest.mark.parametrize("name", IN)
def test_a_sample_in_is_read_without_a_warning(name: str) -> None:
    decoded = decode(MESSAGES[name], payload_of(name))
    assert decoded.warnings == []


@pytest.mark.parametrize("name", OUT)
def test_a_sample_out_is_written_exactly_so(name: str) -> None:
    message = MESSAGES[name].model_validate_json(payload_of(name))
    assert json.loads(encode(message)) == sample(name)


@pytest.mark.parametrize("name", NAMES)
def test_a_message_reads_back_equal_to_itself(name: str) -> None:
    message = MESSAGES[name].model_validate_json(payload_of(name))
    assert MESSAGES[name].model_validate_json(encode(message)) == message


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_fits_its_json_schema(name: str) -> None:
    check_schema(name, sample(name))


@pytest.mark.parametrize("name", NAMES)
def test_what_the_model_writes_fits_its_json_schema(name: str) -> None:
    message = MESSAGES[name].model_validate_json(payload_of(name))
    check_schema(name, json.loads(encode(message)))


@pytest.mark.parametrize("name", NAMES)
def test_a_json_schema_is_one(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema(name))


@pytest.mark.parametrize(
    ("name", "field"),
    [
        (name, field)
        for name in NAMES
        for field, info in MESSAGES[name].model_fields.items()
        if info.is_required()
    ],
)
def test_model_and_json_schema_agree_on_what_is_required(name: str, field: str) -> None:
    document = sample(name)
    del document[field]
    with pytest.raises(ValidationError):
        MESSAGES[name].model_validate_json(json.dumps(document))
    with pytest.raises(jsonschema.ValidationError):
        check_schema(name, document)


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        ("TaskCommand", "instruction", ""),
        ("TaskCommand", "instruction", "走" * 4_001),
        ("TaskCommand", "task_id", "a/b"),
        ("TaskCommand", "task_id", "x" * 65),
        ("TaskCommand", "priority", 101),
        ("TaskCommand", "deadline", 1_767_225_600),
        ("TaskCommand", "constraints", {"max_speed_m_s": 1}),
        ("TaskCommand", "generation", {"max_new_tokens": 0}),
        ("TaskCommand", "mode", "plan_only"),
        ("TaskControl", "op", "STOP"),
        ("SubtaskFeedback", "state", "DONE"),
        ("RobotProfile", "robot_id", "#"),
        ("TaskStatus", "status_version", 0),
        ("TaskStatus", "status", "READY"),
        ("NodeStatus", "state", "PLANNED"),
        ("SubtaskEvent", "attempt", 0),
        ("Subtask", "seq", -1),
    ],
)
def test_model_and_json_schema_refuse_the_same(name: str, field: str, value: object) -> None:
    document = {**sample(name), field: value}
    with pytest.raises(ValidationError):
        MESSAGES[name].model_validate_json(json.dumps(document))
    with pytest.raises(jsonschema.ValidationError):
        check_schema(name, document)


def test_the_shortest_command_fits_the_json_schema() -> None:
    check_schema("TaskCommand", {"instruction": "將書本放在側桌上。"})


def test_the_samples_speak_both_languages() -> None:
    text = "".join(payload_of(name).decode() for name in NAMES)
    assert "Take the red cup" in text
    assert "將書本放在側桌上" in text


def test_the_samples_do_not_escape_chinese() -> None:
    assert not any(b"\\u" in payload_of(name) for name in NAMES)


def test_the_node_info_sample_names_every_topic() -> None:
    info = NodeInfo.model_validate_json(payload_of("NodeInfo"))
    assert info.topics == {
        name: f"{DEFAULT_ROOT}/{topic.pattern}" for name, topic in TOPICS.items()
    }


@pytest.mark.parametrize("name", OUT)
def test_a_message_out_names_no_field_beside_its_schema(name: str) -> None:
    model: type[BaseModel] = MESSAGES[name]
    with pytest.raises(ValidationError, match="Extra inputs"):
        model.model_validate({**sample(name), "colour": "red"})


def test_an_unknown_name_has_no_schema() -> None:
    with pytest.raises(KeyError):
        json_schema("Nothing")
