"""An unknown word directly at a name makes another name of it: 「鞋」「櫃子」, "station 5" "B".

What the instruction itself says there, particles and measure words belong to no name.
"""

from collections.abc import Callable
from typing import Final

from planner_node.training.scoring import lexicon_en, lexicon_zh
from planner_node.training.scoring.allowances import USER
from planner_node.training.scoring.lexicon import Token, TokenKind
from planner_node.training.scoring.numerals import is_numeral_word
from planner_node.training.scoring.terms import Language
from planner_node.training.scoring.text import normal

_BESIDE: Final = {
    Language.ZH: (frozenset(lexicon_zh.BEFORE_NAMES), frozenset(lexicon_zh.AFTER_NAMES)),
    Language.EN: (frozenset(lexicon_en.BEFORE_NAMES.split()), frozenset({"s", "or"})),
}
# What may follow "station 5", where "the hall 5 minutes" goes on.
_ENDS: Final = frozenset(
    {
        TokenKind.BREAK,
        TokenKind.AND,
        TokenKind.VERB,
        TokenKind.SOURCE,
        TokenKind.DESTINATION,
        TokenKind.OBJECT,
    }
)


def has_content(text: str) -> bool:
    """Whether an unknown word can name something, wherever it stands."""
    code = not text.isalpha() and any(c.isalpha() for c in text)  # B7
    return len(text) >= (3 if text.isascii() and not code else 2)


def join_strays(words: list[Token], instruction: str, language: Language) -> list[Token]:
    """Make one unknown word of a name and the stray at it; what the instruction says is dropped."""
    said = _spoken(instruction, language)
    joined: list[Token] = []
    at = 0
    while at < len(words):
        if words[at].kind is not TokenKind.ENTITY or words[at].entity_id == USER:
            joined.append(words[at])
            at += 1
            continue
        before, after = _before(joined, language, said, words[at]), _after(words, at, language)
        stretch = [*joined[len(joined) - before :], *words[at : at + 1 + after]]
        known = before + after == 0 or said(stretch)
        del joined[len(joined) - before :]
        joined.append(words[at] if known else Token(TokenKind.OTHER, _text(stretch, language)))
        at += 1 + after
    return joined


def _before(
    done: list[Token], language: Language, said: Callable[[list[Token]], bool], name: Token
) -> int:
    """Return how many words (none or one) before the name belong to it."""
    if not done or done[-1].kind is not TokenKind.OTHER or done[-1].text in _BESIDE[language][0]:
        return 0
    stray = done[-1].text
    return int(not has_content(stray) or _is_rank(stray) or said([done[-1], name]))


def _after(words: list[Token], at: int, language: Language) -> int:
    """Return how many words (none or one) after the name belong to it."""
    rest = words[at + 1 : at + 4]
    if not rest:
        return 0
    if rest[0].kind is TokenKind.OTHER:
        follows = len(rest) > 1 and rest[1].kind is TokenKind.ENTITY  # then it may be that one's
        stray = rest[0].text
        harmless = has_content(stray) or stray in _BESIDE[language][1]
        return int(not follows and (_is_rank(stray) or not harmless))
    ended = len(rest) == 1 or rest[1].kind in _ENDS
    return int(ended and _is_numeral(rest[0]))


def _is_rank(text: str) -> bool:
    return text.endswith("號") and is_numeral_word(text[:-1])  # 三號


def _is_numeral(token: Token) -> bool:
    counts = token.kind is TokenKind.NUMBER and (token.text.isdigit() or not token.text.isascii())
    return (counts and token.text not in {"雙", "一雙"}) or token.text == "一"


def _spoken(instruction: str, language: Language) -> Callable[[list[Token]], bool]:
    text = _plain(instruction, language)
    return lambda stretch: _plain(_text(stretch, language), language) in text


def _plain(text: str, language: Language) -> str:
    letters = [c if c.isalnum() else " " for c in normal(text)]
    if language is Language.ZH:
        return "".join(letters).replace(" ", "")
    return f" {' '.join(''.join(letters).split())} "


def _text(words: list[Token], language: Language) -> str:
    return ("" if language is Language.ZH else " ").join(word.text for word in words)
