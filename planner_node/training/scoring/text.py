"""Plain facts about a text: its normal form, its script, and whether it is Traditional Chinese."""

import re
import unicodedata
from functools import lru_cache
from typing import Final

_HAN: Final = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")
_HAN_RUN: Final = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]+")
_LATIN: Final = re.compile(r"[a-z][a-z'’.-]*", re.IGNORECASE)
# Simplified forms that Big5 carries too (as rare variants or other words), and that nobody in
# Taiwan writes in a robot's plan. Every other Simplified-only character is not encodable in Big5.
_SIMPLIFIED_IN_BIG5: Final = frozenset(
    "体机听么万与气适价优胜确种据网夸构柜仆宁怜怀扑挂洁涂筑蜡触坏于云庄党厂异惊愿极离腊苹荐赶儿吨圣"
)


@lru_cache(maxsize=65536)
def normal(text: str) -> str:
    """Return the text in NFKC, lower case, with single spaces."""
    return re.sub(r"\s+", " ", unicodedata.normalize("NFKC", text)).lower().strip()


def han_count(text: str) -> int:
    """Count the Chinese characters."""
    return len(_HAN.findall(text))


def latin_words(text: str) -> list[str]:
    """List the words in Latin letters, in lower case."""
    return [word.lower().strip("'’.-") for word in _LATIN.findall(text)]


def simplified_characters(text: str) -> str:
    """Return the characters of the text that are not Traditional Chinese as Taiwan writes it.

    A Han character that Big5 cannot encode, or one of a hand list of those that it can.
    """
    return "".join(c for c in dict.fromkeys(text) if _HAN.match(c) and not _traditional(c))


def _traditional(character: str) -> bool:
    if character in _SIMPLIFIED_IN_BIG5:
        return False
    try:
        character.encode("big5")
    except UnicodeEncodeError:
        return False
    return True


@lru_cache(maxsize=65536)
def speaks(text: str, instruction: str, *, chinese: bool) -> bool:
    """Whether the text is in that language; words copied from the instruction do not count."""
    if not text.strip():
        return True  # its format is at fault, not its language
    given = normal(instruction)
    own_latin = [word for word in latin_words(normal(text)) if word and word not in given]
    own_han = [run for run in _HAN_RUN.findall(normal(text)) if run not in given]
    if not chinese:
        return not own_han
    fresh = "".join(c for c in text if c not in instruction)
    return han_count(text) > len(own_latin) and not simplified_characters(fresh)
