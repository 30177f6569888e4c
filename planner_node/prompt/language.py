"""Which language an instruction is in, and which one its plan is in."""

import re
from collections.abc import Sequence
from typing import Final

from planner_node.grammar.script import (
    is_simplified,
    keeps_traditional,
    simplified_only,
    traditional_only,
)

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
    return _primary(language) == "zh"


def model_language(language: str) -> str:
    """Return the tag by which a model is told a language, of whose spellings it knows few.

    Every Chinese is ``zh-TW``, since Simplified too is put to the model in Traditional characters;
    every English is ``en``. Any other tag stays as it is.
    """
    if is_chinese(language):
        return TRADITIONAL_CHINESE
    return ENGLISH if _primary(language) == ENGLISH else language


def answer_language(wanted: str | None, instruction: str, spoken: Sequence[str]) -> str:
    """Return the language of a plan: the wanted one, else the instruction's, if it is spoken.

    ``spoken`` are the tags that the model answers in; the first one is for what fits none.
    """
    own = language_of(instruction)
    for asked in (wanted, own):
        if asked and (found := _spoken(asked, own, spoken)):
            return found
    return spoken[0]


def is_met(asked: str, answered: str) -> bool:
    """Tell whether an answer in one language is what was asked for: ``zh-TW`` is, for ``zh``."""
    return f"{answered}-".lower().startswith(f"{asked}-".lower())


def _spoken(asked: str, own: str, spoken: Sequence[str]) -> str | None:
    if any(_covers(one, asked) for one in spoken):
        return asked
    family = [one for one in spoken if _primary(one) == _primary(asked)]
    return own if own in family else next(iter(family), None)


def _covers(spoken: str, asked: str) -> bool:
    """Tell whether who speaks the one speaks the other: ``en`` and ``en-GB``, or one script."""
    of_one_script = (keeps_traditional(spoken) and keeps_traditional(asked)) or (
        is_simplified(spoken) and is_simplified(asked)
    )
    return of_one_script or is_met(spoken, asked)


def _primary(language: str) -> str:
    return language.lower().split("-")[0]
