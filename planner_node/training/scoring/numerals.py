"""Whole numerals: 十二 and 12 are twelve, and neither holds a two."""

import re
from typing import Final

_DIGITS: Final = {c: i for i, c in enumerate("零一二三四五六七八九")} | {"〇": 0, "兩": 2}
_UNITS: Final = {"十": 10, "百": 100, "千": 1000}
_ANY: Final = "".join(_DIGITS)
CHARACTERS: Final = _ANY + "".join(_UNITS)  # all that a Chinese numeral is written with
_RUN: Final = re.compile(f"[{CHARACTERS}]{{2,}}")
_FORMED: Final = re.compile(
    f"(?:[{_ANY}]千)?零?(?:[{_ANY}]百)?零?(?:[{_ANY}]?十)?[{_ANY}]?",
)
_ONES: Final = (
    *("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven"),
    *("twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
_TENS: Final = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")


def chinese_numeral(text: str, at: int) -> tuple[int, int] | None:
    """Return value and length of the numeral of two characters or more that begins there."""
    run = _RUN.match(text, at)
    if run is None or not _FORMED.fullmatch(run[0]):
        return None
    total = digit = 0
    for character in run[0]:
        if character in _UNITS:
            total += (digit or 1) * _UNITS[character]
            digit = 0
        else:
            digit = _DIGITS[character]
    return total + digit, len(run[0])


def is_numeral_word(text: str) -> bool:
    """Whether the text is nothing but a numeral, in digits or Chinese."""
    return bool(text) and all(c.isdecimal() or c in CHARACTERS for c in text)


def english_numerals() -> dict[str, int]:
    """Return the words from two to ninety-nine, with a hyphen and without."""
    words = {word: value for value, word in enumerate(_ONES, start=1) if value > 1}
    for tens, word in enumerate(_TENS, start=2):
        words[word] = 10 * tens
        for ones, unit in enumerate(_ONES[:9], start=1):
            words |= dict.fromkeys((f"{word}-{unit}", f"{word} {unit}"), 10 * tens + ones)
    return words
