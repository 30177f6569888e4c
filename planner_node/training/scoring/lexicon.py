"""Builds the table from surface forms to tokens, once per language."""

from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from types import ModuleType
from typing import Final

from planner_node.training.scoring import lexicon_en, lexicon_zh
from planner_node.training.scoring.numerals import english_numerals
from planner_node.training.scoring.terms import Language, Verb


class TokenKind(StrEnum):
    """What a stretch of a subtask's text is."""

    VERB = "verb"
    ENTITY = "entity"
    SOURCE = "source"
    DESTINATION = "destination"
    OBJECT = "object"
    INSTRUMENT = "instrument"
    AND = "and"
    PRONOUN = "pronoun"
    NUMBER = "number"
    MANY = "many"
    CONDITION = "condition"
    CONDITION_END = "condition end"
    NEGATION = "negation"
    BREAK = "break"
    PARTICLE = "particle"  # the turn of "turn the lamp on"
    CLASSIFIER = "classifier"  # a stop word after a number, part of a name elsewhere
    COUNTED = "counted"  # a demonstrative or ordinal before a classifier
    STOP = "stop"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Token:
    """One stretch of text, with what it stands for."""

    kind: TokenKind
    text: str
    verb: Verb | None = None
    entity_id: str = ""
    number: int = 0


_MARKS: Final = (
    (TokenKind.BREAK, "BREAK"),
    (TokenKind.SOURCE, "SOURCE"),
    (TokenKind.DESTINATION, "DESTINATION"),
    (TokenKind.OBJECT, "OBJECT"),
    (TokenKind.INSTRUMENT, "INSTRUMENT"),
    (TokenKind.AND, "AND"),
    (TokenKind.PRONOUN, "PRONOUN"),
    (TokenKind.CONDITION, "CONDITION"),
    (TokenKind.CONDITION_END, "CONDITION_END"),
    (TokenKind.NEGATION, "NEGATION"),
    (TokenKind.MANY, "MANY"),
)


@cache
def table(language: Language) -> dict[str, Token]:
    """Return every surface form of the language with its token; the first meaning wins."""
    module = lexicon_zh if language is Language.ZH else lexicon_en
    forms: dict[str, Token] = {}
    for kind, name in _MARKS:
        for text in _words(getattr(module, name)):
            forms.setdefault(text, Token(kind, text))
    _add_verbs(forms, module, inflected=language is Language.EN)
    for number, texts in module.NUMBERS.items():
        for text in _words(texts):
            forms.setdefault(text, Token(TokenKind.NUMBER, text, number=number))
    for text, number in english_numerals().items() if language is Language.EN else ():
        forms.setdefault(text, Token(TokenKind.NUMBER, text, number=number))
    for kind in (TokenKind.COUNTED, TokenKind.STOP, TokenKind.CLASSIFIER):
        for text in _words(getattr(module, kind.name)):
            forms.setdefault(text, Token(kind, text))
    return forms


def _add_verbs(forms: dict[str, Token], module: ModuleType, *, inflected: bool) -> None:
    for text in _words(getattr(module, "PARTICLE_VERBS", "")):
        forms.setdefault(text, Token(TokenKind.PARTICLE, text))
    for verb, texts in module.VERBS.items():
        for base in _words(texts):
            for text in inflections(base) if inflected else [base]:
                forms.setdefault(text, Token(TokenKind.VERB, text, verb=verb))


def _words(texts: str) -> list[str]:
    return [text.replace("_", " ") for text in texts.split()]


def inflections(base: str) -> list[str]:
    """Return an English verb with -s, -ed and -ing on its first word."""
    head, _, tail = base.partition(" ")
    stem = head.removesuffix("e")
    doubled = head + head[-1] if _doubles(head) else stem
    forms = [head, *_third_person(head), doubled + "ed", doubled + "ing"]
    if head.endswith("y") and head[-2] not in "aeo":
        forms[2] = head[:-1] + "ied"
    return [f"{form} {tail}".strip() for form in forms]


def _third_person(head: str) -> list[str]:
    if head.endswith("y") and head[-2] not in "aeo":
        return [head[:-1] + "ies"]
    return [head + ("es" if head.endswith(("s", "sh", "ch", "x", "o")) else "s")]


def _doubles(head: str) -> bool:
    short = len(head) > 2 and head[-1] in "bdgmnpt" and head[-2] in "aeiou"
    return short and head[-3] not in "aeiou" and len(head) < 5


@cache
def longest_form(language: Language) -> int:
    """Return the length of the longest surface form: characters in Chinese, words in English."""
    forms = table(language)
    if language is Language.ZH:
        return max(len(form) for form in forms)
    return max(len(form.split()) for form in forms)


@cache
def listed(language: Language, name: str) -> frozenset[str]:
    """Return the words of one of the language's lists that no token kind of its own stands for."""
    module = lexicon_zh if language is Language.ZH else lexicon_en
    return frozenset(_words(getattr(module, name)))
