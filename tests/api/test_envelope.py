"""A call is told from words while its text arrives."""

import json

import pytest

from planner_node.api.envelope import Arguments, CallOpened, EnvelopeReader, Words

CALL = '{"name": "decompose_task", "parameters": {"tasks": [{"task": "拿起}\\"", "n": 1}]}}'
ARGUMENTS = CALL[len('{"name": "decompose_task", "parameters": ') : -1]


def read(text: str, size: int, *, calls: bool = True) -> tuple[EnvelopeReader, list[object]]:
    reader = EnvelopeReader(calls=calls)
    pieces: list[object] = []
    for place in range(0, len(text), size):
        pieces += reader.feed(text[place : place + size])
    return reader, pieces + list(reader.flush())


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_a_call_is_read_whole_however_it_is_cut(size: int) -> None:
    reader, pieces = read(CALL, size)
    assert pieces[0] == CallOpened("decompose_task")
    assert "".join(p.text for p in pieces if isinstance(p, Arguments)) == ARGUMENTS
    assert reader.call is not None
    assert reader.call.arguments == json.loads(ARGUMENTS)
    assert reader.text == reader.call.arguments_json == ARGUMENTS


@pytest.mark.parametrize("text", ["1. 找到書本。", '{"steps": 3}', '{"name": 1}', "{", '{"na'])
@pytest.mark.parametrize("size", [1, 5])
def test_words_stay_words(text: str, size: int) -> None:
    reader, pieces = read(text, size)
    assert "".join(p.text for p in pieces if isinstance(p, Words)) == text
    assert (reader.text, reader.call, reader.opened) == (text, None, False)


def test_half_a_call_is_opened_and_no_call() -> None:
    reader, _ = read(CALL[:-3], 4)
    assert (reader.opened, reader.call) == (True, None)


def test_what_looks_like_a_call_is_words_where_none_can_come() -> None:
    reader, _ = read(CALL, 8, calls=False)
    assert (reader.text, reader.call) == (CALL, None)
