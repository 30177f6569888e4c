"""Which language an instruction is in."""

import re
from typing import Final

from planner_node.grammar.script import simplified_only, traditional_only

TRADITIONAL_CHINESE: Final = "zh-TW"
SIMPLIFIED_CHINESE: Final = "zh-CN"
ENGLISH: Final = "en"
_HAN: Final = re.compile("[\u3400-\u9fff\uf900-\ufaff\U00020000-\U000323af]")


def language_of(text: str) -> str:
    """Return ``zh-TW`` for a text with Chinese characters, else ``en``.

    ``zh-CN`` only where Simplified characters outweigh those of the Traditional script.
    """
    if _HAN.search(text) is None:
        return ENGLISH
    simplified = sum(character in simplified_only() for character in text)
    traditional = sum(character in traditional_only() for character in text)
    return SIMPLIFIED_CHINESE if simplified > traditional else TRADITIONAL_CHINESE


def is_chinese(language: str) -> bool:
    """Tell whether a BCP 47 tag names Chinese, in any script."""
    return language.lower().split("-")[0] == "zh"
