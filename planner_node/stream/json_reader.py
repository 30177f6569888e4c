"""Follows one JSON document as its text arrives, and says which values have closed.

How it works: a stack of open objects and arrays, and one word for what may come next. Strings and
bare words (numbers, true, false, null) are skipped to their end by a regular expression, so the
work is a few steps a token. What is not JSON stops the reader for good: ``broken`` is set and no
more events come, while everything told before stays true.
"""

import re
from dataclasses import dataclass
from enum import Enum, auto
from string import hexdigits
from typing import Final

Path = tuple[str | int, ...]

MAX_DEPTH: Final = 64  # a plan has four levels; json.loads itself gives up near a thousand
_ESCAPED: Final = '"\\/bfnrtu'
_HEX_DIGITS: Final = 4  # of an escaped code unit
_STRING_PART: Final = re.compile(r'[^"\\\x00-\x1f]*')
_WORD_PART: Final = re.compile(r"[-+.0-9A-Za-z]*")
_WORD: Final = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?|true|false|null")
_WORD_STARTS: Final = "-0123456789tfn"
_SPACE: Final = " \t\r\n"


@dataclass(frozen=True, slots=True)
class ValueClosed:
    """A value is complete: ``text[start:end]`` of all text fed; the root's path is empty."""

    path: Path
    start: int
    end: int


class _Next(Enum):
    """What may come next."""

    VALUE = auto()
    VALUE_OR_CLOSE = auto()  # after "["
    KEY_OR_CLOSE = auto()  # after "{"
    KEY = auto()
    COLON = auto()
    COMMA_OR_CLOSE = auto()
    STRING = auto()  # inside a string
    ESCAPED = auto()  # after a backslash
    HEX = auto()  # inside the four digits of an escape
    WORD = auto()  # inside a number, true, false or null
    NOTHING = auto()  # the document is complete


@dataclass(slots=True)
class _Open:
    """An object or array that has not closed."""

    bracket: str
    start: int
    step: str | int  # the key or index of the child at hand


class JsonReader:
    """Feed text; get the values that closed in it, inner before outer."""

    def __init__(self) -> None:
        self.text = ""
        self.broken = False
        self._next = _Next.VALUE
        self._open: list[_Open] = []
        self._start = 0  # of the string or word at hand
        self._hex_left = 0
        self._is_key = False
        self._closed: list[ValueClosed] = []

    @property
    def finished(self) -> bool:
        """Whether the whole document has closed; text after it is not read."""
        return self._next is _Next.NOTHING

    def feed(self, text: str) -> list[ValueClosed]:
        """Take the next piece of text, however it was cut; never raises."""
        place = len(self.text)
        self.text += text
        while place < len(self.text) and not self.broken and not self.finished:
            place = self._step(place)
        closed, self._closed = self._closed, []
        return closed

    def _step(self, place: int) -> int:
        """Read on from ``place``; return where to go on."""
        match self._next:
            case _Next.STRING:
                return self._in_string(place)
            case _Next.ESCAPED:
                return self._in_escape(place)
            case _Next.HEX:
                return self._in_hex(place)
            case _Next.WORD:
                return self._in_word(place)
            case _:
                if self.text[place] not in _SPACE:
                    self._structure(self.text[place], place)
                return place + 1

    def _in_string(self, place: int) -> int:
        part = _STRING_PART.match(self.text, place)
        place = part.end() if part else place
        if place == len(self.text):
            return place
        match self.text[place]:
            case '"':
                self._string_closed(place + 1)
            case "\\":
                self._next = _Next.ESCAPED
            case _:
                self.broken = True  # a bare control character
        return place + 1

    def _in_escape(self, place: int) -> int:
        character = self.text[place]
        self._next = _Next.HEX if character == "u" else _Next.STRING
        self._hex_left = _HEX_DIGITS
        self.broken = character not in _ESCAPED
        return place + 1

    def _in_hex(self, place: int) -> int:
        self._hex_left -= 1
        self.broken = self.text[place] not in hexdigits
        if self._hex_left == 0:
            self._next = _Next.STRING
        return place + 1

    def _in_word(self, place: int) -> int:
        """A word ends where something else begins, which is then read in its own right."""
        part = _WORD_PART.match(self.text, place)
        place = part.end() if part else place
        if place < len(self.text):
            if _WORD.fullmatch(self.text, self._start, place):
                self._value_closed(self._start, place)
            else:
                self.broken = True
        return place

    def _structure(self, character: str, place: int) -> None:
        match self._next, character:
            case ((_Next.VALUE | _Next.VALUE_OR_CLOSE), _) if character not in "]},:":
                self._value_opened(character, place)
            case ((_Next.KEY | _Next.KEY_OR_CLOSE), '"'):
                self._start, self._is_key, self._next = place, True, _Next.STRING
            case _Next.COLON, ":":
                self._next = _Next.VALUE
            case _Next.COMMA_OR_CLOSE, ",":
                self._comma()
            case ((_Next.COMMA_OR_CLOSE | _Next.KEY_OR_CLOSE), "}"):
                self._close("{", place + 1)
            case ((_Next.COMMA_OR_CLOSE | _Next.VALUE_OR_CLOSE), "]"):
                self._close("[", place + 1)
            case _:
                self.broken = True

    def _value_opened(self, character: str, place: int) -> None:
        if character in "{[":
            self.broken = len(self._open) >= MAX_DEPTH
            self._open.append(_Open(character, place, 0 if character == "[" else ""))
            self._next = _Next.KEY_OR_CLOSE if character == "{" else _Next.VALUE_OR_CLOSE
            return
        self._start, self._is_key = place, False
        if character == '"':
            self._next = _Next.STRING
        elif character in _WORD_STARTS:
            self._next = _Next.WORD
        else:
            self.broken = True

    def _string_closed(self, end: int) -> None:
        if self._is_key:
            # Keys with escapes stay as written: none of the keys we look for has any.
            self._open[-1].step = self.text[self._start + 1 : end - 1]
            self._next = _Next.COLON
        else:
            self._value_closed(self._start, end)

    def _comma(self) -> None:
        inner = self._open[-1]
        if isinstance(inner.step, int):
            inner.step += 1
            self._next = _Next.VALUE
        else:
            self._next = _Next.KEY

    def _close(self, bracket: str, end: int) -> None:
        if not self._open or self._open[-1].bracket != bracket:
            self.broken = True
            return
        self._value_closed(self._open.pop().start, end)

    def _value_closed(self, start: int, end: int) -> None:
        path = tuple(opened.step for opened in self._open)
        self._closed.append(ValueClosed(path, start, end))
        self._next = _Next.COMMA_OR_CLOSE if self._open else _Next.NOTHING
