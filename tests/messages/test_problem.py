"""Every code in two languages, and the Chinese one as people in Taiwan write it."""

import json

import pytest

from messages.problem import CATALOG, MAX_REFERENCE_CHARS, ProblemCode, ProblemLevel, problem
from messages.wire import encode

# What other regions call it: the Taiwanese word is 資訊, 預設, 軟體, 程式 and so on.
FOREIGN_WORDS = [
    "信息",
    "默認",
    "軟件",
    "硬件",
    "網絡",
    "數據",
    "設置",
    "隊列",
    "用戶",
    "服務器",
    "內存",
    "字符",
    "接口",
    "調用",
    "支持",
    "視頻",
    "質量",
    "打印",
    "加載",
    "緩存",
    "線程",
]


def texts_zh(code: ProblemCode) -> list[str]:
    (translation,) = problem(code).translations
    return [translation.description, translation.hint or ""]


def test_every_code_is_in_the_catalog() -> None:
    assert set(CATALOG) == set(ProblemCode)


@pytest.mark.parametrize("code", ProblemCode)
def test_a_code_says_what_is_wrong_and_what_to_do_in_english(code: ProblemCode) -> None:
    said = problem(code)
    assert said.description.isascii()
    assert said.hint
    assert said.hint.isascii()


@pytest.mark.parametrize("code", ProblemCode)
def test_a_code_says_the_same_in_taiwanese_chinese(code: ProblemCode) -> None:
    (translation,) = problem(code).translations
    assert translation.language == "zh-TW"
    assert all(any("\u4e00" <= char <= "\u9fff" for char in text) for text in texts_zh(code))


@pytest.mark.parametrize("code", ProblemCode)
def test_the_chinese_has_no_simplified_character(code: ProblemCode) -> None:
    """Big5, the code of Taiwan, has no character that only the simplified script has."""
    for text in texts_zh(code):
        text.encode("big5")


def test_the_check_for_simplified_characters_bites() -> None:
    with pytest.raises(UnicodeEncodeError):
        "机器人无法完成".encode("big5")


@pytest.mark.parametrize("code", ProblemCode)
def test_the_chinese_uses_the_words_of_taiwan(code: ProblemCode) -> None:
    text = "".join(texts_zh(code))
    assert [word for word in FOREIGN_WORDS if word in text] == []


@pytest.mark.parametrize("code", ProblemCode)
def test_chinese_is_not_escaped_on_the_wire(code: ProblemCode) -> None:
    assert b"\\u" not in encode(problem(code))


def test_references_name_the_facts() -> None:
    said = problem(ProblemCode.QUEUE_FULL, {"capacity": 8})
    assert [(item.key, item.value) for item in said.references] == [("capacity", "8")]


def test_references_are_cut_to_a_bounded_length() -> None:
    (item,) = problem(ProblemCode.INTERNAL, {"k" * 60_000: "v" * 60_000}).references
    assert (len(item.key), len(item.value)) == (MAX_REFERENCE_CHARS, MAX_REFERENCE_CHARS)


def test_a_full_queue_may_be_tried_again() -> None:
    assert problem(ProblemCode.QUEUE_FULL).retriable


def test_a_malformed_payload_may_not_be_tried_again() -> None:
    assert not problem(ProblemCode.MALFORMED_JSON).retriable


def test_a_problem_is_one_json_object() -> None:
    said = json.loads(encode(problem(ProblemCode.UNSAFE)))
    assert said["level"] == ProblemLevel.WARNING.value
