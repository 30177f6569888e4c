"""Keeps Traditional Chinese from drifting into Simplified, below the level of the grammar.

A character class of 2,400 characters in every string costs the grammar library 2 ms a token. Here
the tokens that would write such a character are taken out of its mask, which costs 20 µs. Bytes of
a character that is spelt over several tokens are remembered, so that it cannot be pieced together.
"""

import codecs
from collections.abc import Iterable
from functools import cache
from typing import Final

from planner_node.grammar.vocabulary import Vocabulary

_TRADITIONAL: Final = frozenset({"zh-tw", "zh-hk", "zh-mo", "zh-hant"})
_SIMPLIFIED: Final = frozenset({"zh-cn", "zh-sg", "zh-my", "zh-hans"})
_HAN: Final = range(0x4E00, 0xA000)  # the block that both national character sets draw from
# In Big5 for the sake of rare old words, on today's screens only as the Simplified forms of
# 萬與價優體黨廠復寧嶺懷憐擾據機極構櫃氣潔灑癢確種網勝臘蘋蠶蠟觸趕踴適聖莊驚離繭籬羨淒.
_SIMPLIFIED_IN_BIG5: Final = frozenset(
    "万与价优体党厂复宁岭怀怜扰据机极构柜气洁洒痒确种网胜腊苹蚕蜡触赶踊适圣庄惊离茧篱羡凄"
)
_CONTINUATION: Final = range(0x80, 0xC0)  # bytes that go on with a character of UTF-8


def keeps_traditional(language: str | None) -> bool:
    """Tell whether an answer in a language, by its BCP 47 tag, must stay Traditional Chinese."""
    return _is_of(language or "", _TRADITIONAL)


def is_simplified(language: str) -> bool:
    """Tell whether a BCP 47 tag names Chinese in Simplified characters."""
    return _is_of(language, _SIMPLIFIED)


def _is_of(language: str, family: Iterable[str]) -> bool:
    tag = language.lower()
    return any(tag == member or tag.startswith(f"{member}-") for member in family)


@cache
def simplified_only() -> frozenset[str]:
    """Return the characters of the Simplified standard that the Traditional one does not have."""
    missing = {c for c in map(chr, _HAN) if _is_in(c, "gb2312") and not _is_in(c, "big5")}
    return frozenset(missing | _SIMPLIFIED_IN_BIG5)


@cache
def traditional_only() -> frozenset[str]:
    """Return the characters of the Traditional standard that the Simplified one does not have."""
    return frozenset(c for c in map(chr, _HAN) if _is_in(c, "big5") and not _is_in(c, "gb2312"))


def _is_in(character: str, codec: str) -> bool:
    try:
        character.encode(codec)
    except UnicodeEncodeError:
        return False
    return True


def open_bytes(text: bytes) -> bytes:
    """Return the beginning of a character that ``text`` ends with, if it ends with one."""
    if text.isascii():
        return b""
    reader = codecs.getincrementaldecoder("utf-8")(errors="ignore")
    reader.decode(text)
    return reader.getstate()[0]


class ForbiddenCharacters:
    """Which tokens would write a forbidden character, as integers with one bit per id."""

    def __init__(self, vocabulary: Vocabulary, characters: Iterable[str]) -> None:
        self._characters = frozenset(characters)
        self.bytes_of = vocabulary.bytes_of
        self._whole = 0
        self._continuing: list[tuple[int, bytes]] = []
        self._after: dict[bytes, int] = {}
        self._sort_tokens()

    def _sort_tokens(self) -> None:
        whole = bytearray(len(self.bytes_of) // 8 + 1)
        for index, text in enumerate(self.bytes_of):
            if not text or text.isascii():
                continue
            if not self._characters.isdisjoint(text.decode(errors="ignore")):
                whole[index // 8] |= 1 << index % 8
            if text[0] in _CONTINUATION:
                self._continuing.append((index, text))
        self._whole = int.from_bytes(whole, "little")

    def forbids(self, token_id: int, pending: bytes) -> bool:
        """Tell whether this one token would write a forbidden character."""
        return bool(self.mask(pending) >> token_id & 1)

    def mask(self, pending: bytes) -> int:
        """Return the forbidden ids when ``pending`` bytes of a character are already written."""
        if not pending:
            return self._whole
        if pending not in self._after:
            self._after[pending] = self._whole | sum(
                1 << index
                for index, text in self._continuing
                if (pending + text).decode(errors="ignore")[:1] in self._characters
            )
        return self._after[pending]
