"""The hand-written development set: solvable, of every kind, and in no frame of the generator."""

import random
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import Final

import pytest

from planner_node.training.corpus.families.shares import FAMILIES
from planner_node.training.corpus.lexicon import sections, words
from planner_node.training.corpus.names import Names
from planner_node.training.corpus.speech.phrasing import Speaker
from planner_node.training.scoring.judging import judge
from planner_node.training.scoring.records import Record
from planner_node.training.scoring.reference import constant, rule_written
from planner_node.training.scoring.terms import Language
from planner_node.training.scoring.testset import FOLDER, load_test_set
from planner_node.training.scoring.text import normal, simplified_characters

RECORDS: Final = load_test_set(FOLDER.parent / "devset")
CODES: Final = {Language.ZH: "zh", Language.EN: "en"}
SAID: Final = ("clauses", "moving", "acting", "corrections", "frames", "acts", "replies")
SPREADS: Final = ("said", "bare", "raw")
NAME: Final = "\0"
SLOTS: Final = {
    "en": rf"(?:(?:[a-z]+ ){{0,3}}{NAME}"
    rf"(?:(?:, and |, | and | & | along with | as well as )(?:[a-z]+ ){{0,2}}{NAME})*)",
    "zh": rf"(?:[^{NAME},.]{{0,3}}{NAME}(?:[上裡內中旁下前後邊面]{{0,2}})"
    rf"(?:(?:和|跟|與|及|以及|、|,|還有)[^{NAME},.]{{0,3}}{NAME})*)",
}
FREELY: Final = ("{n}", "{m}", "{t}", "{l}")  # a note, a message, a time, a value
AGREEING: Final = {
    "{it}": "(?:it|them)",
    "{is}": "(?:is|are)",
    "{has}": "(?:has|have)",
    "{does}": "(?:does|do)",
    "{goes}": "(?:goes|go)",
    "{needs}": "(?:needs|need)",
    "{belongs}": "(?:belongs|belong)",
}
FREE: Final = rf"[^{NAME}]{{1,40}}?"
MAYBE: Final = "\1"
TOKEN: Final = re.compile(rf"\{{[^}}]*\}}|[()|{MAYBE}]|[^(){{}}|{MAYBE}]+")


def test_set_is_large_half_chinese_and_of_all_kinds() -> None:
    languages = Counter(record.language for record in RECORDS)
    kinds = {lang: {r.category for r in RECORDS if r.language is lang} for lang in Language}
    assert len(RECORDS) >= 120
    assert languages[Language.ZH] * 2 >= len(RECORDS)
    assert kinds[Language.ZH] == kinds[Language.EN] == {r.category for r in load_test_set()}


def test_ids_and_instructions_are_unique_and_not_the_test_set_s() -> None:
    kept_apart = {normal(r.instruction) for r in load_test_set()}
    said = Counter(normal(r.instruction) for r in RECORDS)
    assert max(said.values()) == 1 == max(Counter(r.record_id for r in RECORDS).values())
    assert sum(text in kept_apart for text in said) == 0


@pytest.mark.parametrize("record", RECORDS, ids=lambda r: r.record_id)
def test_reference_plan_passes_and_a_plan_that_reads_nothing_does_not(record: Record) -> None:
    verdict = judge(record, rule_written(record))
    assert verdict.success, verdict.notes
    assert not judge(record, constant(record)).success


@pytest.mark.parametrize("record", RECORDS, ids=lambda r: r.record_id)
def test_every_entity_is_named_and_chinese_is_traditional(record: Record) -> None:
    said = normal(record.instruction)
    named = [e for e in record.entities if not e.tool]
    assert not [e.names for e in named if not any(normal(name) in said for name in e.names)]
    assert record.language is Language.EN or not simplified_characters(record.instruction)


@pytest.mark.slow
@pytest.mark.parametrize("record", RECORDS, ids=lambda r: r.record_id)
def test_no_pattern_of_the_generator_can_say_it(record: Record) -> None:
    names = [name for e in record.entities if not e.tool for name in e.names]
    assert not can_be_generated(record.instruction, names, CODES[record.language])


@pytest.mark.slow
@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("family", ["move", "deliver", "moves_in_a_row", "spread"])
def test_what_the_generator_says_is_recognised(family: str, lang: str) -> None:
    known = 0
    for number in range(40):
        names = Names(random.Random(f"dev {family}{lang}{number}"), lang)
        intents = FAMILIES[family][1](names)
        known += can_be_generated(Speaker(names.rng, lang).instruction(intents), names.used, lang)
    assert known >= 20  # typing habits hide the others


def can_be_generated(said: str, names: list[str], lang: str) -> bool:
    """Whether clauses, joints and wrappings of the lexicon can make this text, names aside."""
    text = normal(said)
    for name in sorted(names, key=len, reverse=True):
        text = text.replace(normal(name), NAME)
    bare = text.rstrip(".!?~。")
    return any(_told(inner, lang) for inner in {bare, *_unwrapped(bare, lang)})


def _told(text: str, lang: str) -> bool:
    if _clauses(lang).fullmatch(text):
        return True
    return any(
        all(form or _clauses(lang).fullmatch(part) for part, form in parts)
        for pattern in _joints(lang)
        for parts in _split(text, pattern)
    )


def _split(text: str, pattern: str) -> Iterator[list[tuple[str, str]]]:
    """Every way to cut ``text`` at the literal words of a joint: its parts, each with its form."""
    literals = re.split(r"\{\w+\}", pattern)
    forms = re.findall(r"\{\w(?:_(\w+))?\}", pattern)
    if text.startswith(literals[0]):
        yield from _cut(text[len(literals[0]) :], literals[1:], forms)


def _cut(text: str, literals: list[str], forms: list[str]) -> Iterator[list[tuple[str, str]]]:
    if len(literals) == 1:
        if text.endswith(literals[0]) and text:
            yield [(text.removesuffix(literals[0]), forms[0])]
        return
    at = text.find(literals[0], 1)
    while literals[0] and at > 0:
        for rest in _cut(text[at + len(literals[0]) :], literals[1:], forms[1:]):
            yield [(text[:at], forms[0]), *rest]
        at = text.find(literals[0], at + 1)


def _unwrapped(text: str, lang: str) -> Iterator[str]:
    for wrapping in _wrappings(lang):
        if found := wrapping.fullmatch(text):
            yield found[1]


@cache
def _joints(lang: str) -> tuple[str, ...]:
    tables = (sections(lang, "joins"), sections(lang, "wrappers"))
    lines = [ln for t in tables for key, found in t.items() if key[-1] in "2345" for ln in found]
    return tuple(_plain(line.lstrip("!").replace("\\n", " ")) for line in lines)


@cache
def _wrappings(lang: str) -> tuple[re.Pattern[str], ...]:
    table = sections(lang, "wrappers")
    lines = [ln for key, found in table.items() if key[-1] not in "2345" for ln in found]
    asides = {"{c}": "(.+)", "{g}": _one_of(lang, "greeting_block")}
    asides |= {"{s}": _one_of(lang, "message_stem")}
    asides |= dict.fromkeys(("{p}", "{t}", "{d}"), r"[^,.]{1,20}?")
    lines = [line for line in lines if "{c}" in line and line != "{c}"]
    return tuple(re.compile(_pattern(line, lang, asides)) for line in lines)


def _one_of(lang: str, section: str) -> str:
    return f"(?:{'|'.join(re.escape(normal(w)) for w in words(lang, 'others', section))})"


@cache
def _clauses(lang: str) -> re.Pattern[str]:
    lines = [ln for file in SAID for found in sections(lang, file).values() for ln in found]
    said = [re.split(r" => | \|#\| ", line)[0].lstrip("!") for line in lines]
    said = [line for line in said if re.search(r"\w", re.sub(r"\{[^}]*\}", "", line))]
    names = AGREEING | dict.fromkeys(FREELY, f"(?:{SLOTS[lang]}|{FREE})")
    found = [_pattern(line, lang, names) for line in said]
    found += [_spread(ln, lang) for key in SPREADS for ln in sections(lang, "spreads")[key]]
    return re.compile("|".join(f"(?:{one})" for one in found))


def _spread(line: str, lang: str) -> str:
    """A line of ``spreads.txt``: a first part, then others behind a joint or the last joint."""
    lead, rest, joint, last = line.split(" ~ ")
    first, other = (
        "|".join(f"(?:{_pattern(way, lang, AGREEING)})" for way in field.split(" / "))
        for field in (lead, rest)
    )
    between, end = (re.escape(_spaced(mark)) for mark in (joint, last))
    return f"(?:{first})(?:(?:{between}|{end})(?:{other}))*"


def _spaced(joint: str) -> str:
    return unicodedata.normalize("NFKC", joint.replace("\\n", " ").replace("_", " ")).lower()


def _pattern(line: str, lang: str, slots: dict[str, str]) -> str:
    """A pattern of the lexicon as a regular expression over a text whose names are marks."""
    text = _plain(line.replace("\\n", " ").replace(")?", f"){MAYBE}"))
    return "".join(_regular(token, lang, slots) for token in TOKEN.findall(text))


def _regular(token: str, lang: str, slots: dict[str, str]) -> str:
    if token == "(":
        return "(?:"
    if token in {")", "|"}:
        return token
    if token == MAYBE:
        return "?"
    if token.startswith("{"):
        return slots.get(token, SLOTS[lang])
    return re.escape(token).replace("⟨", r"\(").replace("⟩", r"\)")


def _plain(text: str) -> str:
    return normal(text)
