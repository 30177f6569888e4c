"""A text that was accepted is accepted again: what is stored is read by the same rules."""

import sys
import unicodedata
from collections.abc import Iterator

import pytest
from pydantic import TypeAdapter, ValidationError

from messages.decode import decode_task
from messages.problem import ProblemCode
from messages.task import MAX_NAME_CHARS, Name, TaskCommand, Text
from tests.messages.payloads import command, refusal_of

NAME: TypeAdapter[str] = TypeAdapter(Name)
TEXT: TypeAdapter[str] = TypeAdapter(Text)
LONGER_IN_NFC = "\u0958"
TWO_MARKS_IN_NFC = "\u0344"
SHORTER_IN_NFC = "e\u0301"


def refusal(adapter: TypeAdapter[str], text: str) -> str:
    """Return why the text is refused; empty when it is read, and reads again as itself."""
    try:
        clean = adapter.validate_python(text)
    except ValidationError as error:
        return str(error)
    assert adapter.validate_python(clean) == clean
    return ""


def that_nfc_or_marks_touch() -> Iterator[str]:
    for number in range(sys.maxunicode + 1):
        char = chr(number)
        if unicodedata.normalize("NFC", char) != char or unicodedata.combining(char):
            yield char


@pytest.mark.slow
def test_whatever_is_accepted_is_accepted_again() -> None:
    for char in that_nfc_or_marks_touch():
        for count in (1, 15, 16, 30, 31, 86, 128, 129, 256):
            refusal(NAME, char * count)
            refusal(TEXT, f"a{char * count}")


@pytest.mark.parametrize(
    "fields",
    [
        {"labels": [LONGER_IN_NFC * 129]},
        {"requester": LONGER_IN_NFC * 200},
        {"instruction": f"put the cup away{TWO_MARKS_IN_NFC * 16}"},
        {"tool": LONGER_IN_NFC * 129},
    ],
)
def test_what_the_normal_form_makes_too_long_is_refused(fields: dict[str, object]) -> None:
    assert refusal_of(command(**fields)).code is ProblemCode.SCHEMA_INVALID


@pytest.mark.parametrize(
    "name",
    [LONGER_IN_NFC * 128, "x" * MAX_NAME_CHARS, SHORTER_IN_NFC * MAX_NAME_CHARS],
)
def test_a_name_of_just_the_length_is_read_and_reads_again(name: str) -> None:
    message = decode_task(command(labels=[name])).message
    assert TaskCommand.model_validate_json(message.model_dump_json()) == message
    assert len(message.labels[0]) == MAX_NAME_CHARS


def test_the_schema_still_tells_a_names_length() -> None:
    assert NAME.json_schema()["maxLength"] == MAX_NAME_CHARS
