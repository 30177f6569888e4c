"""What people say around an instruction: politeness, greetings, reasons, asides about others."""

import random

from planner_node.training.corpus import made_up
from planner_node.training.corpus.lexicon import of_training, sections, words
from planner_node.training.corpus.plans.world import Name, Rel
from planner_node.training.corpus.speech.patterns import expand, fill
from planner_node.training.corpus.speech.surface import Surface
from planner_node.training.corpus.speech.together import gerund


def around(rng: random.Random, lang: str, sentence: str, kinds: tuple[str, ...] = ()) -> str:
    """``sentence`` with one of the ways of wrapping it; ``kinds`` are equally likely.

    An ``aside`` goes with any sentence, a ``chatty`` one may ask for an imperative clause.
    """
    tables = sections(lang, "wrappers")
    if "\n" in sentence:
        head = rng.choice((*sections(lang, "joins")["list_head"], "", ""))
        return f"{head}\n{sentence}".strip()
    weights = (38, 35, 15, 12) if not kinds else (1,) * len(kinds)
    kind = rng.choices(kinds or ("plain", "polite", "question", "chatty"), weights)[0]
    if kind == "question" and any(mark in sentence for mark in (". ", "。", "1.", "1)")):
        kind = "polite"
    asides = _asides(rng, lang) if kind in {"chatty", "aside"} else {}
    greeting = rng.choice(words(lang, "others", "greeting_block"))
    patterns = {"aside": tables["chatty"], "chatty": (*tables["chatty"], *tables["urging"])}
    pattern = expand(rng.choice(patterns.get(kind) or tables[kind]), rng)
    doing = gerund(sentence) if "{c_ing}" in pattern else None
    if doing is None:
        pattern = pattern.replace("{c_ing}", "helping me {c}")
    slots = {"c": sentence, "g": greeting, "c_ing": doing or ""} | asides
    return fill(pattern, slots) + "?" * (kind == "question")


def _asides(rng: random.Random, lang: str) -> dict[str, str]:
    """Names that play no part in what is to be done."""
    surface = Surface(rng, lang)
    return {
        "p": surface.place(_person(rng, lang)),
        "t": surface.place(_other(rng, lang)),
        "D": surface.place(_room(rng, lang)),
        "s": rng.choice(words(lang, "others", "message_stem")),
        "T": rng.choice(words(lang, "others", "clock")),
    }


def _person(rng: random.Random, lang: str) -> Name:
    listed = [w for w in of_training(words(lang, "others", "person")) if " " not in w]
    known = Name(rng.choice(listed), proper=True)
    return known if rng.random() < 0.6 else made_up.person(rng, lang)


def _other(rng: random.Random, lang: str) -> Name:
    listed = of_training(words(lang, "things", "item"))
    return Name(rng.choice(listed)) if listed and rng.random() < 0.5 else made_up.thing(rng, lang)


def _room(rng: random.Random, lang: str) -> Name:
    listed = of_training(words(lang, "places", "room"))
    known = Name(rng.choice(listed), Rel.IN)
    return known if rng.random() < 0.5 else made_up.place(rng, lang, "room")
