"""Traditional Chinese stays Traditional."""

import pytest

from planner_node.errors import ConstraintBroken
from planner_node.grammar.free_text import FreeText
from planner_node.grammar.script import (
    ForbiddenCharacters,
    open_bytes,
    simplified_only,
    traditional_only,
)
from planner_node.grammar.tool import ToolUse
from tests.fakes.grammar import (
    DECOMPOSE,
    IN_TASK,
    allowed,
    random_document,
    tiny_library,
    tiny_matcher,
    tiny_vocabulary,
    tool_with,
    write,
)

START = len(IN_TASK.encode())


@pytest.mark.parametrize("character", "体书这个们来时间门开关饭厅")
def test_simplified_characters_are_known(character: str) -> None:
    assert character in simplified_only()


@pytest.mark.parametrize("character", "體書這個們來時間門開關飯廳台裡后的是在把到桌里。，Aa")
def test_characters_of_both_or_neither_script_are_not_simplified(character: str) -> None:
    assert character not in simplified_only()


def test_no_character_is_of_one_script_only_twice() -> None:
    assert simplified_only().isdisjoint(traditional_only())


@pytest.mark.parametrize("language", ["zh-TW", "zh-tw", "zh-Hant", "zh-Hant-TW", "zh-HK"])
def test_simplified_character_cannot_be_finished_in_traditional_text(language: str) -> None:
    matcher = tiny_matcher([DECOMPOSE], language=language)
    written = write(matcher, IN_TASK + "书", tiny_vocabulary())
    assert START <= written < START + len("书".encode())


@pytest.mark.parametrize("language", [None, "en", "zh-CN", "zh", "ja"])
def test_simplified_character_is_free_in_other_languages(language: str | None) -> None:
    matcher = tiny_matcher([DECOMPOSE], language=language)
    assert write(matcher, IN_TASK + "书", tiny_vocabulary()) == START + 3


def test_traditional_text_is_free_in_traditional() -> None:
    text = IN_TASK + "將書本放在側桌上，然後關門。台北裡後"
    matcher = tiny_matcher([DECOMPOSE], language="zh-TW")
    assert write(matcher, text, tiny_vocabulary()) == len(text.encode())


@pytest.mark.parametrize("seed", range(8))
def test_no_walk_in_traditional_writes_a_simplified_character(seed: int) -> None:
    text = random_document(tiny_matcher([DECOMPOSE], language="zh-TW"), tiny_vocabulary(), seed)
    assert text is not None
    assert simplified_only().isdisjoint(text)


def test_text_that_the_schema_dictates_wins_over_the_script() -> None:
    tool = tool_with(x={"const": "书"})
    call = '{"name": "make", "parameters": {"x": "书"}}'
    matcher = tiny_matcher([tool], language="zh-TW")
    assert write(matcher, call, tiny_vocabulary()) == len(call.encode())
    assert matcher.done


def test_mask_is_never_empty_in_the_middle_of_a_character() -> None:
    vocabulary = tiny_vocabulary()
    for character in sorted(simplified_only())[::97]:
        matcher = tiny_matcher([DECOMPOSE], language="zh-TW")
        write(matcher, IN_TASK, vocabulary)
        for _ in range(write(matcher, character, vocabulary)):
            assert allowed(matcher, vocabulary)


def test_tokens_with_a_forbidden_character_inside_are_masked() -> None:
    vocabulary = tiny_vocabulary()
    whole = next(
        i for i, text in enumerate(vocabulary.bytes_of) if "本" in text.decode(errors="ignore")
    )
    assert ForbiddenCharacters(vocabulary, "本").mask(b"") >> whole & 1


@pytest.mark.parametrize(
    ("text", "pending"),
    [
        (b"", b""),
        (b"abc", b""),
        ("書".encode(), b""),
        ("書".encode()[:2], "書".encode()[:2]),
        (b"a" + "書".encode()[:1], "書".encode()[:1]),
        ("😀".encode()[:3], "😀".encode()[:3]),
    ],
)
def test_open_bytes_are_those_of_an_unfinished_character(text: bytes, pending: bytes) -> None:
    assert open_bytes(text) == pending


def free_text() -> FreeText:
    constraint = tiny_library().matcher([], ToolUse.NONE, "zh-TW")
    assert isinstance(constraint, FreeText)
    return constraint


def test_free_text_in_traditional_cannot_slide_into_simplified() -> None:
    text = "1. 找到書本。"
    written = write(free_text(), text + "书", tiny_vocabulary())
    assert len(text.encode()) <= written < len((text + "书").encode())


def test_free_text_takes_everything_else_and_the_end_of_the_turn() -> None:
    text, words = free_text(), '{"a": 1} 1. 找到書本。\n'
    assert write(text, words, tiny_vocabulary()) == len(words.encode())
    assert tiny_vocabulary().stop_tokens <= set(allowed(text, tiny_vocabulary()))
    assert not text.done


def test_free_text_has_no_special_tokens_but_the_stops() -> None:
    vocabulary = tiny_vocabulary()
    specials = {i for i, text in enumerate(vocabulary.bytes_of) if not text}
    assert specials & set(allowed(free_text(), vocabulary)) == vocabulary.stop_tokens


def test_free_text_breaks_on_a_special_token() -> None:
    with pytest.raises(ConstraintBroken):
        free_text().accept(0)


def test_free_text_of_other_languages_is_not_constrained() -> None:
    assert tiny_library().matcher([], ToolUse.NONE, "en") is None
