"""Values are told when they close, however the text is cut."""

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner_node.stream.json_reader import MAX_DEPTH, JsonReader, Path, ValueClosed

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
KEYS = st.text("abc書")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | NUMBERS | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)


def read(text: str) -> tuple[JsonReader, list[ValueClosed]]:
    reader = JsonReader()
    return reader, reader.feed(text)


def paths(value: object, at: Path = ()) -> list[Path]:
    """Return the path of every value in a document, inner before outer."""
    children: list[tuple[str | int, object]] = []
    if isinstance(value, dict):
        children = list(value.items())
    if isinstance(value, list):
        children = list(enumerate(value))
    inner = [path for step, child in children for path in paths(child, (*at, step))]
    return [*inner, at]


def test_value_closes_with_its_last_character() -> None:
    reader = JsonReader()
    assert reader.feed('{"a": [1, {"b": "x') == [ValueClosed(("a", 0), 7, 8)]
    assert [closed.path for closed in reader.feed('"}')] == [("a", 1, "b"), ("a", 1)]
    assert not reader.finished
    assert [closed.path for closed in reader.feed("]}")] == [("a",), ()]
    assert reader.finished


def test_number_closes_when_something_else_follows() -> None:
    reader = JsonReader()
    assert reader.feed("[12") == []
    assert reader.feed("3") == []
    assert reader.feed(",") == [ValueClosed((0,), 1, 4)]


@given(value=st.lists(JSON, max_size=4), indent=st.sampled_from([None, 1]))
def test_every_value_of_a_document_closes_once_inner_first(value: object, indent: int) -> None:
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    reader, closed = read(text)
    assert [each.path for each in closed] == paths(value)
    assert all(text[each.start : each.end].strip() for each in closed)
    assert reader.finished


@given(value=st.lists(JSON, max_size=4))
def test_spans_hold_exactly_the_values(value: list[object]) -> None:
    text = json.dumps(value, ensure_ascii=False)
    _, closed = read(text)
    spans = [json.loads(text[each.start : each.end]) for each in closed if len(each.path) == 1]
    assert spans == value


@given(value=st.lists(JSON, max_size=4), cuts=st.lists(st.integers(0, 200), max_size=6))
def test_cuts_do_not_matter(value: object, cuts: list[int]) -> None:
    text = json.dumps(value, ensure_ascii=False)
    edges = sorted({0, len(text), *(cut % (len(text) + 1) for cut in cuts)})
    reader = JsonReader()
    pieces = [text[start:end] for start, end in itertools.pairwise(edges)]
    assert [each for piece in pieces for each in reader.feed(piece)] == read(text)[1]


@given(text=st.text('{}[]",:\\ \n0-9.eE+truefalsnu書\x00', max_size=40))
def test_reader_agrees_with_json_or_says_broken_or_waits(text: str) -> None:
    reader, _ = read(text)
    if reader.finished:
        json.JSONDecoder().raw_decode(text.lstrip(" \n\t\r"))
    assert not (reader.broken and reader.finished)


@pytest.mark.parametrize(
    "text",
    ["}", "]", ",", ":", "x", "{1", '{"a" 1', '{"a":}', '{"a":1,}', "[1,]", "[1 2]", "[}", '{"a"]'],
)
def test_what_is_not_json_breaks_the_reader(text: str) -> None:
    assert read(text)[0].broken


@pytest.mark.parametrize("text", ['"\\0"', '"\\x41"', '"\\u12"', '"\\u00g0"', '{"a": "\\ "}'])
def test_an_escape_that_json_does_not_know_breaks_the_reader(text: str) -> None:
    assert read(text)[0].broken


@pytest.mark.parametrize("word", ["01", "1.", "-", "tru", "nul", "NaN", "+1", "1e"])
def test_words_that_are_no_values_break_the_reader(word: str) -> None:
    assert read(f"[{word}]")[0].broken


def test_line_break_inside_a_string_breaks_the_reader() -> None:
    assert read('["a\n"]')[0].broken


def test_broken_reader_says_nothing_more() -> None:
    reader, _ = read("[1,}")
    assert reader.feed("2]") == []


def test_text_after_the_document_is_not_read() -> None:
    reader, _ = read("[1]")
    assert reader.feed(" [2] }") == []
    assert not reader.broken


def test_depth_is_bounded() -> None:
    assert not read("[" * MAX_DEPTH)[0].broken
    assert read("[" * (MAX_DEPTH + 1))[0].broken


def test_a_hundred_thousand_brackets_are_no_trouble() -> None:
    assert read("[" * 100_000)[0].broken


def test_escapes_do_not_end_a_string() -> None:
    _, closed = read(r'["a\"b\\", "c"]')
    assert [each.path for each in closed] == [(0,), (1,), ()]
