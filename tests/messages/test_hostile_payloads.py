"""Payloads made to hurt: deep, large, doubled, endless; each is refused in few words."""

import pytest

from messages.decode import (
    MAX_BRACKETS,
    MAX_DEPTH,
    MAX_PAYLOAD_BYTES,
    Refused,
    decode_task,
    parse_json,
)
from messages.problem import ProblemCode, problem
from messages.task import TaskCommand
from messages.wire import encode
from tests.messages.payloads import command, ignored, refusal_of, with_field

MALFORMED = ProblemCode.MALFORMED_JSON


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"[" * 100_000, "nested deeper"),
        (b"[" * 32_768 + b"]" * 32_768, "nested deeper"),
        (b'{"a":' * 10_000, "nested deeper"),
        (b'[{"a":' * 8_000 + b"1" + b"}]" * 8_000, "nested deeper"),
        (b'{"s": "\\"", "a":' + b"[" * (MAX_DEPTH + 1), "nested deeper"),
        (with_field('"x": [' + "[]," * MAX_BRACKETS + "[]]"), "more than 4096 brackets are opened"),
        (with_field('"a": 1, "a": 2'), "duplicate key 'a'"),
        (with_field('"instruction": "run"'), "duplicate key 'instruction'"),
        (with_field('"context": {"notes": "x", "notes": "y"}'), "duplicate key 'notes'"),
        (with_field('"\\u0061": 1, "a": 2'), "duplicate key 'a'"),
        (with_field('"x": NaN'), "NaN is not JSON"),
        (with_field('"x": Infinity'), "Infinity is not JSON"),
        (with_field('"x": [-Infinity]'), "-Infinity is not JSON"),
    ],
)
def test_json_that_could_hurt_is_refused_with_its_reason(payload: bytes, reason: str) -> None:
    with pytest.raises(Refused) as caught:
        decode_task(payload, limit_bytes=1_000_000)
    assert caught.value.code is MALFORMED
    assert reason in str(caught.value.references["reason"])


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("9" * 10_000, "an integer has more than 20 digits"),
        ("-" + "9" * 10_000, "an integer has more than 20 digits"),
        ("1e400", "a number is out of range"),
        ("-1e400", "a number is out of range"),
    ],
)
def test_a_number_beyond_all_measure_is_json_that_does_not_fit(value: str, reason: str) -> None:
    with pytest.raises(Refused) as caught:
        decode_task(with_field(f'"priority": {value}'))
    assert caught.value.code is ProblemCode.SCHEMA_INVALID
    assert caught.value.references == {"reason": reason}


def test_nesting_up_to_the_limit_is_read() -> None:
    inner = MAX_DEPTH - 1  # the message itself is the first level
    decoded = decode_task(with_field('"x": ' + "[" * inner + "]" * inner))
    assert decoded.warnings == [ignored("/x")]


def test_as_many_brackets_as_may_be_are_read_and_those_in_a_text_count_for_nothing() -> None:
    inner = MAX_BRACKETS - 2  # the message itself and the list
    text = "[" * 3_000 + "{"
    decoded = decode_task(with_field('"x": [' + ",".join(["[]"] * inner) + "]"))
    assert decoded.warnings == [ignored("/x")]
    assert decode_task(command(instruction=text)).message.instruction == text


def test_an_ignored_field_is_named_and_then_held_no_longer() -> None:
    context = {"notes": "in the hall", "x": [0] * 1_000}
    decoded = decode_task(command(y={"z": "w" * 1_000}, context=context))
    message = decoded.message
    assert decoded.warnings == [ignored("/y"), ignored("/context/x")]
    assert message.context is not None
    assert (message.model_extra, message.context.model_extra) == ({}, {})
    assert message.model_fields_set == {"instruction", "context"}
    assert message.context.model_fields_set == {"notes"}
    assert b'"y"' not in encode(message)


@pytest.mark.parametrize("size", [MAX_PAYLOAD_BYTES + 1, 262_144, 1_048_576, 10_485_760])
def test_too_many_bytes_are_refused_with_the_limit(size: int) -> None:
    refused = refusal_of(b"x" * size)
    assert refused.code is ProblemCode.PAYLOAD_TOO_LARGE
    assert refused.references == {"size_bytes": size, "limit_bytes": MAX_PAYLOAD_BYTES}


def test_a_million_keys_are_refused_by_their_size() -> None:
    many = b"{" + b",".join(b'"%d":0' % number for number in range(1_000_000)) + b"}"
    assert refusal_of(many).code is ProblemCode.PAYLOAD_TOO_LARGE


def test_a_late_duplicate_among_many_keys_is_found() -> None:
    keys = ",".join(f'"{number}": 0' for number in range(100_000))
    with pytest.raises(Refused) as caught:
        parse_json("{" + keys + ', "99999": 1}')
    assert caught.value.references == {"reason": "duplicate key '99999'"}


def test_fields_named_like_the_models_own_do_no_harm() -> None:
    names = ["__proto__", "__class__", "__dict__", "model_config", "model_extra", "_x", "copy"]
    decoded = decode_task(command(**dict.fromkeys(names, 1)))
    assert type(decoded.message) is TaskCommand
    assert len(decoded.warnings) == len(names)


def test_thousands_of_unknown_fields_are_named_in_few_words() -> None:
    decoded = decode_task(command(**{f"f{number}": 0 for number in range(4_000)}))
    assert len(decoded.warnings) == 17
    more = "3984 more unknown fields ignored · 另有 3984 個未知的欄位已忽略"
    assert decoded.warnings[-1] == more


def test_an_unknown_fields_name_is_shown_short_and_printable() -> None:
    (warning,) = decode_task(command(**{"a\n\u202e" + "k" * 60_000: 0})).warnings
    assert warning.startswith("unknown field ignored: /a\\u000a\\u202ekkk")
    assert warning.isprintable()
    assert len(warning) < 400


def test_hundreds_of_faults_are_told_in_few_words() -> None:
    refused = refusal_of(command(constraints={"k" * 100 + str(number): 0 for number in range(400)}))
    assert len(refused.references) == 16
    assert len(encode(problem(refused.code, refused.references))) < 8_192


def test_a_good_task_after_the_bad_ones_is_untouched() -> None:
    for payload in (b"\xff", b"[" * 60_000, command(task_id="#"), b""):
        refusal_of(payload)
    assert decode_task(command()).message.instruction == "將書本放在側桌上。"
