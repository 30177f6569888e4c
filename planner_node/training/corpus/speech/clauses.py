"""The patterns of clauses, and which section of them can say an intent."""

import random
import re
from functools import cache
from typing import Final

from planner_node.training.corpus.lexicon import sections
from planner_node.training.corpus.plans.intents import Intent
from planner_node.training.corpus.plans.world import Rel

CLAUSE_FILES: Final = ("clauses", "moving", "acting")
TREATMENTS: Final = frozenset({"heat", "cool", "wash", "slice"})


@cache
def clause_patterns(lang: str) -> dict[str, tuple[str, ...]]:
    """The clause patterns of every lexicon file, by section."""
    found: dict[str, tuple[str, ...]] = {}
    for file in CLAUSE_FILES:
        for section, lines in sections(lang, file).items():
            told = section.startswith("told.")
            agreeing = (line.replace("(it|them)", "{it}").replace("\\n", "\n") for line in lines)
            said = (re.sub(r" it\b", " {it}", line) if told else line for line in agreeing)
            found[section] = (*found.get(section, ()), *said)
    return found


def section_of(intent: Intent, rng: random.Random, *, known: bool) -> str:
    """The section for ``intent``; ``known`` where its things were spoken of just before."""
    kind = intent.kind
    if intent.note == "contrast":
        return "contrast.person" if intent.person is not None else "contrast"
    if intent.note in {"told", "raw"}:
        sourced = intent.note == "raw" and intent.source is not None
        return f"{intent.note}.{kind}{'_from' if sourced else ''}"
    if kind == "move":
        return _move_section(intent, rng, known=known)
    if kind in TREATMENTS:
        if intent.tool is not None:
            return f"{kind}.with" if kind != "slice" else kind
        return f"{kind}.move" if intent.place is not None else kind
    if kind in {"deliver", "fetch"}:
        return _delivery_section(intent, known=known)
    if kind == "fill" and intent.tool is not None:
        return "fill.with"
    if kind in {"pick", "find"} and intent.source is not None:
        return {"pick": "pick.from", "find": "find.in"}[kind]
    if kind in {"wait", "charge"} and intent.places and intent.note != "unsaid":
        return f"{kind}.at"
    return kind


def _delivery_section(intent: Intent, *, known: bool) -> str:
    if intent.source is not None:
        return f"{intent.kind}.from"
    if intent.places:
        return "deliver.at"
    return "deliver.pron" if known and intent.kind == "deliver" else intent.kind


def _move_section(intent: Intent, rng: random.Random, *, known: bool) -> str:
    place, source = intent.place, intent.source
    plain = place is not None and intent.rel is place.rel
    if known and source is None:
        return "move.pron"
    if source is not None:
        cargo = plain and source.rel is Rel.AT
        return "move.cargo" if cargo and rng.random() < 0.6 else "move.from"
    options = ["move"]
    if intent.rel is Rel.IN:
        options = ["move", "move.in", "move.in"]
    if plain:
        options += ["move.bare"] * (3 if intent.rel is Rel.AT else 1)
    return rng.choice(options)
