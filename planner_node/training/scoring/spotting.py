"""Cuts a subtask's text into tokens: the instruction's names first, then the lexicon."""

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from typing import Final

from planner_node.training.scoring.lexicon import Token, TokenKind, longest_form, table
from planner_node.training.scoring.numerals import CHARACTERS, chinese_numeral, is_numeral_word
from planner_node.training.scoring.records import Entity, Record
from planner_node.training.scoring.strays import join_strays
from planner_node.training.scoring.terms import Language
from planner_node.training.scoring.text import normal

_WORD: Final = re.compile(r"[a-z0-9][a-z0-9'/-]*|&|[^\sa-z0-9]", re.IGNORECASE)
_APOSTROPHES: Final = str.maketrans({"’": "'", "‘": "'"})
_COUNTING: Final = {TokenKind.NUMBER, TokenKind.MANY, TokenKind.COUNTED}
_ARTICLE: Final = "(?:(?<=the )|(?<= a )|(?<=an )|(?<=with )|(?<=using )|(?<=to )|(?<=for ))"
_BEFORE_NOUNS: Final = {"the", "a", "an", "your", "its", "my", "some", "of", "cold", "hot"}
_SPEECH: Final = re.compile(r'[「『“"\ue000]([^」』”"\ue001]*)[」』”"\ue001]')
_LATIN: Final = re.compile(r"[a-z0-9]")
_CODE: Final = re.compile(r"[a-z0-9]+(?:[-_.][a-z0-9]+)*")
# A name that begins or ends with a numeral is not part of a longer one: 三號 is not in 十三號.
MOST: Final = 99  # more than that are no count but a room, an order, a year
_END: Final = Token(TokenKind.BREAK, "")
_SIZES: Final = frozenset("大小整滿")
_NUMERAL: Final = f"[0-9{CHARACTERS}]"


def tokens(text: str, record: Record) -> list[Token]:
    """Cut a text into tokens, in order; unknown words are OTHER, also those that hold a name."""
    entities, language = record.entities, record.language
    clean = _without_speech(normal(text.translate(_APOSTROPHES)), entities)
    found: list[Token] = []
    at = 0
    for start, end, entity_id in _spotted(clean, entities):
        found += _plain(clean[at:start], language)
        found.append(Token(TokenKind.ENTITY, clean[start:end], entity_id=entity_id))
        at = end
    found += _plain(clean[at:], language)
    return join_strays(found, record.instruction, language)


def _without_speech(text: str, entities: tuple[Entity, ...]) -> str:
    """Blank what the robot is to say, but not a name in quotation marks."""
    names = {normal(name) for entity in entities for name in entity.names}

    def blank(quoted: re.Match[str]) -> str:
        return f" {quoted[1]} " if quoted[1].strip() in names else " "

    return _SPEECH.sub(blank, text)


def _spotted(text: str, entities: tuple[Entity, ...]) -> list[tuple[int, int, str]]:
    spans: list[tuple[int, int, str]] = []
    masked = text
    # The instruction's own names come before the tools', longer names before shorter ones.
    names = [(e.tool, -len(n), n, e.entity_id) for e in entities for n in e.names]
    for tool, _, name, entity_id in sorted(names):
        for match in _name_pattern(name, as_noun=tool).finditer(masked):
            start, end = match.span()
            spans.append((start, end, entity_id))
            masked = masked[:start] + "\0" * (end - start) + masked[end:]
    return sorted(spans)


@lru_cache(maxsize=8192)
def _name_pattern(name: str, *, as_noun: bool) -> re.Pattern[str]:
    """Return the pattern of a name; ``as_noun`` keeps "mop the floor" apart from "the mop"."""
    text = normal(name.translate(_APOSTROPHES))
    parts = [re.escape(part) for part in re.split(r"[ -]", text)]
    body = "[ -]?".join(parts)
    plural = "(?:e?s)?" if text[-1].isalpha() and text[-1].isascii() else ""
    singular = _singular(body) if plural else body
    latin = text[:1].isascii() or text[-1:].isascii()
    before = _ARTICLE if as_noun and latin else _border(text[:1], "?<!")
    return re.compile(rf"{before}(?:{body}|{singular}){plural}{_border(text[-1:], '?!')}")


def _border(edge: str, looking: str) -> str:
    """Return what must not stand before or after a name that begins or ends so."""
    if _LATIN.match(edge):
        return f"({looking}[a-z0-9])"
    return f"({looking}{_NUMERAL})" if edge in CHARACTERS else ""


def _singular(body: str) -> str:
    if body.endswith("ies"):
        return body[:-3] + "y"
    return body[:-1] if body.endswith("s") and not body.endswith("ss") else body


def _plain(text: str, language: Language) -> Iterator[Token]:
    if language is Language.ZH:
        yield from _chinese(text)
    else:
        yield from _english(text)


def _chinese(text: str) -> Iterator[Token]:
    rest, counted = "", False
    for token, after in pairwise((*_munched(text), _END)):
        loose = token.kind is TokenKind.CLASSIFIER and not counted
        counted = token.kind in _COUNTING
        ranks = token.text == "號" and is_numeral_word(rest)
        if token.kind is TokenKind.OTHER or loose or ranks or _begins_a_word(token, after):
            rest += token.text
            continue
        yield from _unknown(rest)
        rest = ""
        yield token
    yield from _unknown(rest)


def _begins_a_word(token: Token, after: Token) -> bool:
    """Whether the numeral counts nothing: 三明治, 13號; but 兩大杯."""
    counts = token.kind is TokenKind.NUMBER and not token.text.isascii()
    word = counts and after.kind is TokenKind.OTHER and after.text not in _SIZES
    return word or (after.text == "號" and is_numeral_word(token.text))


def _munched(text: str) -> Iterator[Token]:
    forms, longest, at = table(Language.ZH), longest_form(Language.ZH), 0
    while at < len(text):
        if (token := _numeral(text, at)) is not None:
            yield token
            at += len(token.text)
            continue
        for length in range(min(longest, len(text) - at), 0, -1):
            if (token := forms.get(text[at : at + length])) is not None:
                break
        else:
            length = 1
            token = Token(TokenKind.OTHER, text[at])
        yield token
        at += length


def _numeral(text: str, at: int) -> Token | None:
    """Return the whole number or code (B7, 3.5) that begins there."""
    if (code := _CODE.match(text, at)) is not None:
        value = int(code[0]) if code[0].isdigit() else 0
        counts = value <= MOST and not any(c.isalpha() for c in code[0])
        return Token(TokenKind.NUMBER if counts else TokenKind.OTHER, code[0], number=value)
    if (found := chinese_numeral(text, at)) is not None:
        return Token(TokenKind.NUMBER, text[at : at + found[1]], number=found[0])
    return None


def _english(text: str) -> Iterator[Token]:
    forms, longest, at = table(Language.EN), longest_form(Language.EN), 0
    words = _WORD.findall(text)
    while at < len(words):
        for length in range(min(longest, len(words) - at), 0, -1):
            if (token := forms.get(" ".join(words[at : at + length]))) is not None:
                break
        else:
            length = 1
            value = int(words[at]) if words[at].isdigit() else MOST + 1
            kind = TokenKind.NUMBER if value <= MOST else TokenKind.OTHER
            token = Token(kind, words[at], number=value)
        if token.kind is TokenKind.VERB and at and words[at - 1] in _BEFORE_NOUNS:
            token = Token(TokenKind.OTHER, token.text)
        if token.kind is not TokenKind.OTHER or any(c.isalnum() for c in token.text):
            yield token
        at += length


def _unknown(text: str) -> Iterator[Token]:
    letters = "".join(c for c in text if c.isalnum())
    if letters:
        yield Token(TokenKind.OTHER, letters)
