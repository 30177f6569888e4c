"""The language of an instruction."""

import pytest

from planner_node.prompt.language import language_of


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
