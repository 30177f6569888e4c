"""The language of an instruction."""

import pytest

from planner_node.prompt.language import answer_language, language_of, model_language


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("將書本放在側桌上。", "zh-TW"),
        ("把LEGO積木放到box裡", "zh-TW"),
        ("去拿水", "zh-TW"),  # no character that tells the scripts apart
        ("把书放到桌子上，然后关门", "zh-CN"),
        ("將機器人的臺灣书架", "zh-TW"),  # one slip is no other language
        ("Put the book on the side table.", "en"),
        ("Bring 2 cups to room 203", "en"),
        ("", "en"),
        ("!?", "en"),
        ("𠮷野家へ", "zh-TW"),
    ],
)
def test_language_is_told_by_its_characters(text: str, language: str) -> None:
    assert language_of(text) == language


SPOKEN = ("zh-TW", "zh-CN", "en")
ZH, SIMPLIFIED, EN = "將書本放在側桌上。", "将书本放在侧桌上。", "Find the cup."


@pytest.mark.parametrize(
    ("wanted", "instruction", "answered"),
    [
        (None, ZH, "zh-TW"),
        (None, SIMPLIFIED, "zh-CN"),
        (None, EN, "en"),
        ("en-GB", ZH, "en-GB"),
        ("en-x-custom", ZH, "en-x-custom"),
        ("zh-HK", EN, "zh-HK"),
        ("zh-Hant-TW", EN, "zh-Hant-TW"),
        ("zh-Hans", ZH, "zh-Hans"),
        ("zh-CN", ZH, "zh-CN"),
        ("zh", ZH, "zh-TW"),
        ("zh", SIMPLIFIED, "zh-CN"),
        ("zh", EN, "zh-TW"),
        ("ja", ZH, "zh-TW"),
        ("ja", SIMPLIFIED, "zh-CN"),
        ("de-DE-u-co-phonebk", EN, "en"),
        ("i-klingon", EN, "en"),
        ("x-private", ZH, "zh-TW"),
    ],
)
def test_a_plan_is_in_a_language_that_is_spoken(
    wanted: str | None, instruction: str, answered: str
) -> None:
    assert answer_language(wanted, instruction, SPOKEN) == answered


def test_the_first_language_is_for_what_fits_none() -> None:
    assert answer_language("ja", ZH, ["de", "fr"]) == "de"
    assert answer_language("zh-CN", ZH, ["zh-TW"]) == "zh-TW"


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        *((tag, "zh-TW") for tag in ("zh-TW", "ZH-tw", "zh-Hant-TW", "zh-hant-hk", "zh-MO", "zh")),
        *((tag, "zh-TW") for tag in ("zh-CN", "zh-Hans", "ZH-SG")),
        *((tag, "en") for tag in ("en", "EN", "En-us", "en-GB", "en-x-custom")),
        ("ja-JP", "ja-JP"),
        ("enm", "enm"),  # Middle English is no English
    ],
)
def test_a_model_is_told_one_tag_of_each_language(asked: str, told: str) -> None:
    assert model_language(asked) == told
