"""Keeps what people write apart from what the chat template writes.

A special token in somebody's text must stay text. Before the template sees it, the first character
of every special token is replaced by a private-use character; after the template's own special
tokens are found, it is put back. So no special token can come from data, not even one pieced
together from two fields, and no template has to know.
"""

import re
from collections.abc import Iterable
from typing import Final

from pydantic import JsonValue

_PRIVATE_USE: Final = range(0xF0000, 0xFFFFE)  # plane 15: assigned to nothing, kept by JSON
_SURROGATES: Final = re.compile("[\ud800-\udfff]")


class Shield:
    """One conversation's replacement characters, chosen so that its own text has none of them."""

    def __init__(self, specials: Iterable[str], texts: Iterable[str]) -> None:
        used = set().union(*texts)
        free = (chr(point) for point in _PRIVATE_USE if chr(point) not in used)
        self.marker = next(free)  # stands before the first words of the user
        firsts = sorted({special[0] for special in specials if special})
        self._hide = {ord(first): stand_in for first, stand_in in zip(firsts, free, strict=False)}
        self._show = {ord(stand_in): chr(first) for first, stand_in in self._hide.items()}

    def hide(self, text: str) -> str:
        """Return the text without any character that a special token begins with."""
        return mended(text).translate(self._hide)

    def hide_all(self, value: JsonValue) -> JsonValue:
        """Return a JSON value with every string in it hidden, keys too."""
        if isinstance(value, str):
            return self.hide(value)
        if isinstance(value, list):
            return [self.hide_all(child) for child in value]
        if isinstance(value, dict):
            return {self.hide(key): self.hide_all(child) for key, child in value.items()}
        return value

    def show(self, text: str) -> str:
        """Return the text as it was written."""
        return text.translate(self._show)


def mended(text: str) -> str:
    """Return the text with lone surrogates, which no tokenizer can read, as U+FFFD."""
    return _SURROGATES.sub("\ufffd", text)


def strings_in(value: JsonValue) -> Iterable[str]:
    """Yield every string of a JSON value, keys too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for child in value:
            yield from strings_in(child)
    elif isinstance(value, dict):
        for key, child in value.items():
            yield key
            yield from strings_in(child)
