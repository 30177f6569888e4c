"""The two scripts of Chinese, and the way from one to the other."""

import pytest

from planner_node.prompt.chinese import has_simplified, in_script


@pytest.mark.parametrize("language", ["zh-TW", "zh-HK", "zh-Hant", "zh-Hant-HK"])
def test_simplified_text_becomes_traditional(language: str) -> None:
    text = in_script("将书本放在侧桌上，头发和干净的面包在后面", language)
    assert text == "將書本放在側桌上，頭髮和乾淨的麵包在後面"


@pytest.mark.parametrize("language", ["zh-CN", "zh-SG", "zh-Hans", "zh-hans-cn"])
def test_traditional_text_becomes_simplified(language: str) -> None:
    text = in_script("將書本放在側桌上，頭髮和乾淨的麵包在後面", language)
    assert text == "将书本放在侧桌上，头发和干净的面包在后面"


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("將書本放在側台上", "zh-TW"),  # nothing Simplified in it: 台 stays as it was written
        ("将书本放在侧桌上", "zh-CN"),
        ("将书本放在侧桌上", "en"),
        ("將書本放在側桌上", "ja"),
        ("Put the book down.", "zh-TW"),
        ("", "zh-CN"),
    ],
)
def test_text_that_is_in_its_script_stays_as_it_is(text: str, language: str) -> None:
    assert in_script(text, language) == text


def test_a_slip_into_simplified_is_seen() -> None:
    assert has_simplified("將機器人的书架")
    assert not has_simplified("將機器人的書架")
