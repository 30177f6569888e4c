"""Bytes from strangers: each ends as a message or as a refusal that names the fault."""

from typing import Any

import pytest

from messages.decode import Refused, decode, decode_task
from messages.plan import SubtaskList
from messages.problem import ProblemCode
from messages.task import (
    MAX_CONSTRAINT_CHARS,
    MAX_INSTRUCTION_CHARS,
    SubtaskFeedback,
    TaskCommand,
    TaskControl,
)
from tests.messages.payloads import command, ignored, refusal_of

MALFORMED = ProblemCode.MALFORMED_JSON
INVALID = ProblemCode.SCHEMA_INVALID


@pytest.mark.parametrize(
    ("payload", "instruction"),
    [
        ('{"instruction": "將書本放在側桌上。"}', "將書本放在側桌上。"),
        ('  {"instruction": "走"}\n', "走"),
        ('\ufeff{"instruction": "走"}', "走"),
        ("將書本放在側桌上。", "將書本放在側桌上。"),
        ("Put the book on the side table.", "Put the book on the side table."),
        (" 走 \n", "走"),
        ('"將書本放在側桌上。"', "將書本放在側桌上。"),
        ('"line\\nbreak"', "line\nbreak"),
        ('"pick" and "place"', '"pick" and "place"'),
        ('"half \\ud800"', '"half \\ud800"'),
        ("null", "null"),
        ("42", "42"),
        ("true", "true"),
        ("cafe\u0301", "café"),
        ('{"instruction": "\\ud83e\\udd16 走"}', "🤖 走"),
        ('{"instruction": "' + "[" * 200 + '"}', "[" * 200),
        ('{"instruction": "\\"}]{["}', '"}]{['),
        ("走" * MAX_INSTRUCTION_CHARS, "走" * MAX_INSTRUCTION_CHARS),
    ],
)
def test_an_instruction_in_any_form_is_read(payload: str, instruction: str) -> None:
    assert decode_task(payload.encode()).message.instruction == instruction


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (b"", INVALID),
        (b" \n\t", INVALID),
        (b'""', INVALID),
        (b"[]", INVALID),
        (b"{}", INVALID),
        (b'{"instruction": "walk', MALFORMED),
        (b'{"instruction": "walk"', MALFORMED),
        (b'{"instruction": "walk"} {}', MALFORMED),
        (b'{"instruction": "walk"}x', MALFORMED),
        (b'{"instruction": "walk",}', MALFORMED),
        (b"{'instruction': 'walk'}", MALFORMED),
        (b'{"instruction": "walk" /* now */}', MALFORMED),
        (b'{instruction: "walk"}', MALFORMED),
        (b'{"instruction": "a\tb"}', MALFORMED),
        ('{"instruction": "walk"}'.encode("utf-16"), MALFORMED),
        ('{"instruction": "walk"}'.encode("utf-16-le"), MALFORMED),
        ('{"instruction": "walk"}'.encode("utf-32"), MALFORMED),
        ("將書本放在側桌上。".encode("big5"), MALFORMED),
        (b"\xff\xfe\xfd", MALFORMED),
        (b'{"instruction": "\xc3"}', MALFORMED),
        (b'{"instruction": "\xed\xa0\x80"}', MALFORMED),
        (b'{"instruction": "\xc0\xaf"}', MALFORMED),
        (b'{"instruction": "\\ud800"}', MALFORMED),
        (b'{"instruction": "\\udc00\\ud800"}', MALFORMED),
        (b'{"instruction": "walk", "\\uDFFF": 1}', MALFORMED),
    ],
)
def test_what_is_no_message_is_refused(payload: bytes, code: ProblemCode) -> None:
    assert refusal_of(payload).code is code


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "x" * 65,
        "+",
        "#",
        "a/b",
        "/",
        "$SYS",
        "a\x00b",
        "a\n",
        " a",
        "\u202eabc",
        "🤖",
        "任務",
        "１",
        "' OR 1=1 --",
        "$(reboot)",
        "<script>",
    ],
)
@pytest.mark.parametrize("field", ["task_id", "robot_id"])
def test_an_id_that_is_none_is_refused_and_told(field: str, bad: str) -> None:
    refused = refusal_of(command(**{field: bad}))
    assert refused.code is INVALID
    assert list(refused.references) == [f"/{field}"]
    assert refused.ids == {field: bad}


@pytest.mark.parametrize("good", ["a", "x" * 64, "..", "__proto__", "A.b_c:d-9"])
def test_an_id_of_allowed_characters_is_taken(good: str) -> None:
    assert decode_task(command(task_id=good)).message.task_id == good


@pytest.mark.parametrize(
    "tag", ["zh-TW", "en-x-custom", "de-DE-u-co-phonebk", "i-klingon", "x-private", "es-419"]
)
def test_a_language_is_any_tag_of_bcp_47(tag: str) -> None:
    assert decode_task(command(language=tag)).message.language == tag


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"instruction": 1}, "/instruction"),
        ({"instruction": None}, "/instruction"),
        ({"instruction": ["walk"]}, "/instruction"),
        ({"instruction": " \u3000 "}, "/instruction"),
        ({"instruction": "\u200b\u202e"}, "/instruction"),
        ({"instruction": "a\x00b"}, "/instruction"),
        ({"instruction": "a\x1bb"}, "/instruction"),
        ({"instruction": "走" * (MAX_INSTRUCTION_CHARS + 1)}, "/instruction"),
        ({"instruction": "a" * (MAX_INSTRUCTION_CHARS * 5)}, "/instruction"),
        ({"instruction": "a" + "\u0301\u0323" * 100}, "/instruction"),
        ({"schema_version": 1}, "/schema_version"),
        ({"schema_version": ["1.0"]}, "/schema_version"),
        ({"priority": "50"}, "/priority"),
        ({"priority": 50.5}, "/priority"),
        ({"priority": True}, "/priority"),
        ({"priority": 101}, "/priority"),
        ({"priority": -1}, "/priority"),
        ({"labels": "kitchen"}, "/labels"),
        ({"labels": [1]}, "/labels/0"),
        ({"labels": ["x"] * 257}, "/labels"),
        ({"context": []}, "/context"),
        ({"context": {"places": [None]}}, "/context/places/0"),
        ({"language": "zh_TW"}, "/language"),
        ({"language": "zh-TW\n"}, "/language"),
        ({"language": "x"}, "/language"),
        ({"language": "e"}, "/language"),
        ({"language": "en--GB"}, "/language"),
        ({"language": "en-abcdefghi"}, "/language"),
        ({"mode": "plan_only"}, "/mode"),
        ({"generation": {"max_new_tokens": 0}}, "/generation/max_new_tokens"),
        ({"generation": {"max_new_tokens": 10**12}}, "/generation/max_new_tokens"),
        ({"generation": {"temperature": -0.1}}, "/generation/temperature"),
        ({"generation": {"top_p": 0}}, "/generation/top_p"),
        ({"generation": {"seed": -1}}, "/generation/seed"),
        ({"robots": [{"robot_id": "r/1"}]}, "/robots/0/robot_id"),
        ({"deadline": "tomorrow"}, "/deadline"),
        ({"deadline": "2026-03-02T01:20:00"}, "/deadline"),
        ({"deadline": "2026-02-30T01:20:00Z"}, "/deadline"),
        ({"deadline": "1767225600"}, "/deadline"),
        ({"deadline": 1_767_225_600}, "/deadline"),
        ({"deadline": "9999-12-31T23:59:59-23:00"}, "/deadline"),
        ({"deadline": "0001-01-01T00:00:00+23:00"}, "/deadline"),
    ],
)
def test_a_field_that_is_wrong_is_named(fields: dict[str, Any], place: str) -> None:
    refused = refusal_of(command(**fields))
    assert refused.code is INVALID
    assert list(refused.references) == [place]


@pytest.mark.parametrize(
    ("written", "utc"),
    [
        ("2026-03-02T01:20:00Z", "2026-03-02T01:20:00+00:00"),
        ("2026-03-02t01:20:00z", "2026-03-02T01:20:00+00:00"),
        ("2026-03-02T09:20:00+08:00", "2026-03-02T01:20:00+00:00"),
        ("2026-03-02T01:20:00.25Z", "2026-03-02T01:20:00.250000+00:00"),
        ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59+00:00"),
    ],
)
def test_a_deadline_is_kept_in_utc(written: str, utc: str) -> None:
    deadline = decode_task(command(deadline=written)).message.deadline
    assert deadline is not None
    assert deadline.isoformat() == utc


OPTIONAL = [name for name, field in TaskCommand.model_fields.items() if not field.is_required()]


@pytest.mark.parametrize("name", OPTIONAL)
def test_null_is_the_same_as_a_field_that_is_not_given(name: str) -> None:
    decoded = decode_task(command(**{name: None}))
    assert decoded.message == decode_task(command()).message
    assert decoded.warnings == []


@pytest.mark.parametrize(
    "fields",
    [
        {"context": {"places": None, "notes": None}},
        {"constraints": {"max_subtasks": None, "forbidden": None}},
        {"generation": {"temperature": None, "top_p": None, "seed": None}},
        {"robots": [{"robot_id": "r1", "skills": None}]},
    ],
)
def test_null_is_not_given_also_further_in(fields: dict[str, dict[str, None]]) -> None:
    assert decode_task(command(**fields)).warnings == []


def test_null_is_a_value_where_any_json_is_one() -> None:
    said = b'{"task_id": "t", "subtask_id": "s", "state": "FAILED", "observations": [{"a": null}]}'
    assert decode(SubtaskFeedback, said).message.observations == [{"a": None}]


def test_an_unknown_constraint_that_is_null_is_refused_all_the_same() -> None:
    refused = refusal_of(command(constraints={"max_speed_m_s": None}))
    assert refused.code is ProblemCode.UNSUPPORTED_CONSTRAINT


def test_an_unknown_constraint_is_refused_and_named() -> None:
    refused = refusal_of(command(constraints={"max_speed_m_s": 1}))
    assert refused.code is ProblemCode.UNSUPPORTED_CONSTRAINT
    assert list(refused.references) == ["/constraints/max_speed_m_s"]


@pytest.mark.parametrize("field", ["allowed_skills", "forbidden"])
def test_a_constraints_names_are_bounded_together(field: str) -> None:
    names = [f"{number:03}{'名' * 253}" for number in range(MAX_CONSTRAINT_CHARS // 256)]
    assert decode_task(command(constraints={field: names})).message.constraints is not None
    refused = refusal_of(command(constraints={field: [*names, "x"]}))
    assert refused.code is ProblemCode.SCHEMA_INVALID
    assert refused.references == {
        f"/constraints/{field}": "must have at most 8192 characters in all"
    }


def test_unknown_fields_are_ignored_and_named_where_they_stand() -> None:
    decoded = decode_task(command(colour="紅", context={"weather": "rain"}))
    assert decoded.warnings == [ignored("/colour"), ignored("/context/weather")]


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"colour": "紅"}, "/colour"),
        ({"context": {"places": [], "weather": "rain"}}, "/context/weather"),
        ({"robots": [{"robot_id": "r1"}, {"robot_id": "r2", "age": 3}]}, "/robots/1/age"),
    ],
)
def test_unknown_fields_of_what_is_refused_are_named_too(
    fields: dict[str, Any], place: str
) -> None:
    refused = refusal_of(command(priority="high", **fields))
    assert list(refused.references) == ["/priority"]
    assert refused.warnings == [ignored(place)]


def test_an_unknown_constraint_is_no_warning_beside_its_refusal() -> None:
    assert refusal_of(command(constraints={"max_speed_m_s": 1})).warnings == []


@pytest.mark.parametrize("version", ["1.0", "1", "1.7", "1.0.3"])
def test_a_minor_version_is_no_matter(version: str) -> None:
    assert decode_task(command(schema_version=version)).message.schema_version == version


@pytest.mark.parametrize("version", ["2.0", "0.9", "", "1.x", "10.0", "1." + "0" * 100])
def test_another_major_version_is_refused(version: object) -> None:
    refused = refusal_of(command(schema_version=version, task_id="task-1"))
    assert refused.code is ProblemCode.UNSUPPORTED_VERSION
    assert refused.ids == {"task_id": "task-1"}


@pytest.mark.parametrize("payload", [b"CANCEL", b'"CANCEL"', b"[]", b"null", b"1"])
def test_only_a_task_may_be_bare_text(payload: bytes) -> None:
    with pytest.raises(Refused):
        decode(TaskControl, payload)


def test_a_control_is_read() -> None:
    decoded = decode(TaskControl, '{"op": "CANCEL", "task_id": "t-1", "reason": "停"}'.encode())
    assert (decoded.message.task_id, decoded.message.reason) == ("t-1", "停")


def test_a_message_out_can_be_read_by_a_robot() -> None:
    with pytest.raises(Refused) as caught:
        decode(SubtaskList, b'{"task_id": "t-1", "tasks": []}')
    assert caught.value.ids == {"task_id": "t-1"}
