"""Chinese in the one script or the other.

The models were taught Traditional Chinese, and what keeps them to it forbids the characters that
only Simplified has. So a Simplified task is put to the model in Traditional characters, and its
plan is put back where Simplified is wanted. Text without such a character stays as it is.
"""

from functools import cache

from opencc import OpenCC

from planner_node.grammar.script import (
    is_simplified,
    keeps_traditional,
    simplified_only,
    traditional_only,
)


def in_script(text: str, language: str) -> str:
    """Return Chinese text in the script of a BCP 47 tag; any other text as it is."""
    if is_simplified(language) and has_any(text, traditional_only()):
        return simplified(text)
    if keeps_traditional(language):
        return traditional(text)
    return text


def simplified(text: str) -> str:
    """Return Chinese text in Simplified characters."""
    return text if text.isascii() else _to_simplified().convert(text)


def traditional(text: str) -> str:
    """Return Chinese text in Traditional characters; without a Simplified one it stays as it is."""
    return _to_traditional().convert(text) if has_simplified(text) else text


def has_simplified(text: str) -> bool:
    """Tell whether a text has a character that only Simplified Chinese has."""
    return has_any(text, simplified_only())


def has_any(text: str, characters: frozenset[str]) -> bool:
    """Tell whether a text has one of the characters."""
    return not text.isascii() and not characters.isdisjoint(text)


def prepare() -> None:
    """Read the dictionaries, which takes a tenth of a second once: call it off the loop."""
    _to_traditional()
    _to_simplified()


@cache
def _to_traditional() -> OpenCC:
    return OpenCC("s2tw")


@cache
def _to_simplified() -> OpenCC:
    return OpenCC("tw2s")
