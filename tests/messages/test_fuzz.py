"""Whatever bytes arrive, the decoder answers with a command or with Refused, and nothing else."""

import json
from typing import Any

from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from messages.decode import Decoded, Refused, decode, decode_task
from messages.problem import problem
from messages.task import TaskCommand, TaskControl
from messages.wire import encode

FUZZ = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])

any_text = st.text(st.characters(codec=None), max_size=40)
some_names = st.sampled_from([*TaskCommand.model_fields, "places", "notes", "seed", "x"])
leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | any_text
    | st.datetimes().map(str)
    | st.sampled_from(["2026-01-01T00:00:00Z", "9999-12-31T23:59:59-12:00", "1.0", "zh-TW"])
)
any_json = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(some_names | any_text, inner),
    max_leaves=12,
)
objects = st.dictionaries(some_names | any_text, any_json, max_size=8)
commands = st.builds(lambda text, rest: {**rest, "instruction": text}, any_text, objects)
good_commands = st.builds(
    lambda text, unknown: {**unknown, "instruction": f"走 {text}"},
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Mn"]), max_size=40),
    st.dictionaries(st.text(max_size=8).map("x_{}".format), any_json, max_size=4),
)


def as_payload(value: object, *, escape: bool = True) -> bytes:
    return json.dumps(value, ensure_ascii=escape).encode("utf-8", "surrogatepass")


def outcome(payload: bytes) -> Decoded[TaskCommand] | Refused:
    try:
        return decode_task(payload)
    except Refused as refused:
        encode(problem(refused.code, refused.references))  # the answer can be sent
        return refused


@FUZZ
@given(st.binary(max_size=200))
@example(b"")
@example(b"\xef\xbb\xbf")
@example(b'"')
@example(b'"\\')
def test_any_bytes_have_an_answer(payload: bytes) -> None:
    assert outcome(payload) is not None


@FUZZ
@given(any_text)
def test_any_text_is_an_instruction_or_refused(text: str) -> None:
    assert outcome(text.encode("utf-8", "surrogatepass")) is not None


@FUZZ
@given(objects | commands, st.booleans())
def test_any_object_has_an_answer(value: dict[str, Any], escape: bool) -> None:  # noqa: FBT001  hypothesis gives it
    assert outcome(as_payload(value, escape=escape)) is not None


@FUZZ
@given(good_commands)
def test_an_accepted_command_survives_the_journal(value: dict[str, Any]) -> None:
    found = outcome(as_payload(value))
    assume(isinstance(found, Decoded))
    assert isinstance(found, Decoded)
    written = found.message.model_dump_json()
    assert TaskCommand.model_validate_json(written) == found.message
    assert TaskCommand.model_validate_json(written).model_dump_json() == written


@FUZZ
@given(commands, st.data())
def test_a_damaged_command_has_an_answer(value: dict[str, Any], data: st.DataObject) -> None:
    payload = bytearray(as_payload(value, escape=False))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(payload) - 1))
        payload[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    assert outcome(bytes(payload)) is not None


@FUZZ
@given(st.binary(max_size=100) | objects.map(as_payload))
def test_any_control_has_an_answer(payload: bytes) -> None:
    try:
        found: object = decode(TaskControl, payload)
    except Refused as refused:
        found = refused
    assert found is not None
