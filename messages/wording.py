"""A sentence of ours in Traditional Chinese, found by its English.

Where something is refused or ignored one sentence is said, in English; the tables know the same in
Chinese. So the places that say it stay short, and no sentence is written in two places.
"""

import re
from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Final, NamedTuple

from messages.field_texts import FIELD_TEXTS
from messages.reason_texts import REASON_TEXTS
from messages.schema_texts import SCHEMA_TEXTS
from messages.setting_texts import SETTING_TEXTS
from messages.start_texts import START_TEXTS
from messages.summary_texts import SUMMARY_TEXTS

TEXTS: Final[Mapping[str, str]] = {
    **FIELD_TEXTS,
    **REASON_TEXTS,
    **SCHEMA_TEXTS,
    **SETTING_TEXTS,
    **START_TEXTS,
    **SUMMARY_TEXTS,
}
_BLANK: Final = re.compile(r"\{(\w+)\}")
_MAX_NESTING: Final = 3  # a reason may quote a reason


class _Template(NamedTuple):
    opening: str  # up to the first blank: most templates are ruled out by it
    english: re.Pattern[str]
    chinese: str


def in_both(text: str) -> list[str]:
    """Return the lines of a text for a terminal, and then the same in Chinese where a table has it.

    Each line may be a sentence; where none is, they may be one, with a reason of several lines.
    """
    lines = text.splitlines()
    chinese = [found for line in lines if (found := chinese_of(line)) is not None]
    return [*lines, *(chinese or (chinese_of(text) or "").splitlines())]


def chinese_of(line: str) -> str | None:
    """Return a sentence in Traditional Chinese, also behind names: ``file: key: sentence``."""
    if (whole := in_chinese(line)) is not None:
        return whole
    name, mark, rest = line.partition(": ")
    found = chinese_of(rest) if mark else None
    return None if found is None else f"{name}：{found}"


@lru_cache(maxsize=1_024)  # who floods the node is told the same again and again
def in_chinese(english: str) -> str | None:
    """Return the sentence in Traditional Chinese; None where no table has it."""
    return _found(english, _MAX_NESTING)


def as_warning(english: str) -> str:
    """Return the sentence as a warning says it: in English, then in Traditional Chinese."""
    return f"{english} · {in_chinese(english) or english}"


def _found(english: str, nesting: int) -> str | None:
    if (whole := TEXTS.get(english)) is not None:
        return whole
    for template in _templates():
        if english.startswith(template.opening) and (fit := template.english.fullmatch(english)):
            blanks = {name: _quoted(text, nesting) for name, text in fit.groupdict().items()}
            return template.chinese.format_map(blanks)
    return None


def _quoted(text: str, nesting: int) -> str:
    """Return what fills a blank: a name or a number as it is, a reason in Chinese."""
    return (_found(text, nesting - 1) if nesting else None) or text


@cache
def _templates() -> tuple[_Template, ...]:
    """Return the sentences with blanks, the ones that say most first."""
    with_blanks = sorted(
        (english for english in TEXTS if _BLANK.search(english)),
        key=lambda english: len(_BLANK.sub("", english)),
        reverse=True,
    )
    return tuple(_template(english) for english in with_blanks)


def _template(english: str) -> _Template:
    opening, *rest = _BLANK.split(english)
    pattern = re.escape(opening)
    for name, literal in zip(rest[::2], rest[1::2], strict=True):
        pattern += f"(?P<{name}>.*?){re.escape(literal)}"
    return _Template(opening, re.compile(pattern, re.DOTALL), TEXTS[english])
