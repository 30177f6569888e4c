"""Whether the generator's patterns could have said a sentence, names and small words aside.

Half of what people say to a robot has a form that any generator knows ("put the … on the …");
what says more about a planner is how it does on the other half. The answer errs towards yes:
up to three words before a name, and any text for a message, count as said.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Final

from planner_node.training.corpus.lexicon import sections, words
from planner_node.training.scoring.judging import Verdict
from planner_node.training.scoring.records import Record
from planner_node.training.scoring.report import Measure
from planner_node.training.scoring.statistics import share
from planner_node.training.scoring.terms import Language
from planner_node.training.scoring.text import normal

CODES: Final = {Language.ZH: "zh", Language.EN: "en"}
_SAID: Final = ("clauses", "moving", "acting", "corrections", "frames", "acts", "replies")
_SPREADS: Final = ("said", "bare", "raw")
_NAME: Final = "\0"
_SLOTS: Final = {
    "en": rf"(?:(?:[a-z]+ ){{0,3}}{_NAME}"
    rf"(?:(?:, and |, | and | & | along with | as well as )(?:[a-z]+ ){{0,2}}{_NAME})*)",
    "zh": rf"(?:[^{_NAME},.]{{0,3}}{_NAME}(?:[上裡內中旁下前後邊面]{{0,2}})"
    rf"(?:(?:和|跟|與|及|以及|、|,|還有)[^{_NAME},.]{{0,3}}{_NAME})*)",
}
_FREELY: Final = ("{n}", "{m}", "{t}", "{l}")  # a note, a message, a time, a value
_AGREEING: Final = {
    "{it}": "(?:it|them)",
    "{is}": "(?:is|are)",
    "{has}": "(?:has|have)",
    "{does}": "(?:does|do)",
    "{goes}": "(?:goes|go)",
    "{needs}": "(?:needs|need)",
    "{belongs}": "(?:belongs|belong)",
}
_FREE: Final = rf"[^{_NAME}]{{1,40}}?"
_MAYBE: Final = "\1"
_TOKEN: Final = re.compile(rf"\{{[^}}]*\}}|[()|{_MAYBE}]|[^(){{}}|{_MAYBE}]+")


def by_form(verdicts: Sequence[Verdict]) -> list[Measure]:
    """Return the share of right answers where the patterns know the form, and where not."""
    groups: dict[bool, list[Verdict]] = {True: [], False: []}
    for verdict in verdicts:
        groups[familiar(verdict.record)].append(verdict)
    return [
        Measure("forms of the generator", share(v.success for v in groups[True])),
        Measure("other forms", share(v.success for v in groups[False])),
    ]


def familiar(record: Record) -> bool:
    """Whether the record's instruction has a form of the generator."""
    names = [name for e in record.entities if not e.tool for name in e.names]
    return can_be_generated(record.instruction, names, CODES[record.language])


def can_be_generated(said: str, names: list[str], lang: str) -> bool:
    """Whether clauses, joints and wrappings of the lexicon can make this text, names aside."""
    text = normal(said)
    for name in sorted(names, key=len, reverse=True):
        text = text.replace(normal(name), _NAME)
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
    return tuple(normal(line.lstrip("!").replace("\\n", " ")) for line in lines)


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
    lines = [ln for file in _SAID for found in sections(lang, file).values() for ln in found]
    said = [re.split(r" => | \|#\| ", line)[0].lstrip("!") for line in lines]
    said = [line for line in said if re.search(r"\w", re.sub(r"\{[^}]*\}", "", line))]
    names = _AGREEING | dict.fromkeys(_FREELY, f"(?:{_SLOTS[lang]}|{_FREE})")
    found = [_pattern(line, lang, names) for line in said]
    found += [_spread(ln, lang) for key in _SPREADS for ln in sections(lang, "spreads")[key]]
    return re.compile("|".join(f"(?:{one})" for one in found))


def _spread(line: str, lang: str) -> str:
    """A line of ``spreads.txt``: a first part, then others behind a joint or the last joint."""
    lead, rest, joint, last = line.split(" ~ ")
    first, other = (
        "|".join(f"(?:{_pattern(way, lang, _AGREEING)})" for way in field.split(" / "))
        for field in (lead, rest)
    )
    between, end = (re.escape(_spaced(mark)) for mark in (joint, last))
    return f"(?:{first})(?:(?:{between}|{end})(?:{other}))*"


def _spaced(joint: str) -> str:
    return unicodedata.normalize("NFKC", joint.replace("\\n", " ").replace("_", " ")).lower()


def _pattern(line: str, lang: str, slots: dict[str, str]) -> str:
    """A pattern of the lexicon as a regular expression over a text whose names are marks."""
    text = normal(line.replace("\\n", " ").replace(")?", f"){_MAYBE}"))
    return "".join(_regular(token, lang, slots) for token in _TOKEN.findall(text))


def _regular(part: str, lang: str, slots: dict[str, str]) -> str:
    if part == "(":
        return "(?:"
    if part in {")", "|"}:
        return part
    if part == _MAYBE:
        return "?"
    if part.startswith("{"):
        return slots.get(part, _SLOTS[lang])
    return re.escape(part).replace("⟨", r"\(").replace("⟩", r"\)")
