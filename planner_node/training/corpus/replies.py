"""Requests that get a question or a refusal instead of a plan."""

import re
from dataclasses import dataclass
from typing import Final

from planner_node.training.corpus import made_up
from planner_node.training.corpus.families.ingredients import destination, user
from planner_node.training.corpus.lexicon import sections
from planner_node.training.corpus.names import Names
from planner_node.training.corpus.plans.intents import Intent
from planner_node.training.corpus.plans.world import Name
from planner_node.training.corpus.speech.noise import typed
from planner_node.training.corpus.speech.patterns import expand, fill
from planner_node.training.corpus.speech.surface import OPEN, SHUT, Surface, marked
from planner_node.training.corpus.speech.wording import noun, placed

ASKS: Final = (
    *("place", "place", "place", "thing", "thing", "fetch", "fetch", "person", "person"),
    *("device", "device", "go", "guide", "message", "value", "either"),
)
DECLINES: Final = (
    *("NOT_A_TASK",) * 9,
    *("UNSAFE.harm",) * 4,
    *("UNSAFE.fire", "UNSAFE.fire", "UNSAFE.electric", "UNSAFE.electric", "UNSAFE.break"),
    *("UNSAFE.flood", "UNSAFE.chemical", "UNSAFE.chemical", "UNSAFE.block", "UNSAFE.theft"),
    *("IMPOSSIBLE",) * 6,
)


@dataclass(frozen=True, slots=True)
class Question:
    """What was said, the question back, what it may be answered with, and then the plan."""

    said: str
    question: str
    options: tuple[str, ...]
    answer: str = ""
    intents: tuple[Intent, ...] = ()
    context: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """What was said, why it is refused, and the reason told to the user."""

    said: str
    reason_code: str
    reason: str


def refuse(names: Names) -> Refusal:
    section = names.rng.choice(DECLINES)
    code = section.split(".")[0]
    table = sections(names.lang, "replies")
    if code == "NOT_A_TASK" and names.chance(0.12):
        said = _noise(names)
    else:
        pattern = names.rng.choice(table[f"decline.{section}"])
        told = fill(expand(pattern, names.rng), _slots(names))
        said = _polite(names, re.sub("^him ", "he ", told.replace("him's", "his")), code)
    return Refusal(said, code, table[f"decline.{section}.r"][0])


def ask(names: Names) -> Question:
    """A request that lacks something; half of them show candidates in the context."""
    if names.chance(0.18):
        return _ask_which(names)
    return _ask_missing(names, names.rng.choice(ASKS))


def _ask_missing(names: Names, kind: str) -> Question:
    lacking = _Lacking(names)
    table = sections(names.lang, "replies")
    said = _polite(
        names, fill(expand(names.rng.choice(table[f"ask.{kind}"]), names.rng), lacking.slots), ""
    )
    question = fill(table[f"ask.{kind}.q"][0], lacking.asked)
    answer, intents = lacking.answer(kind)
    options, context = _candidates(names, kind, lacking.place)
    if kind == "either":
        options = (lacking.thing.text, lacking.other.text)
    answer = typed(answer, names.lang, names.rng) if answer else ""
    return Question(said, question, options, answer, intents, context)


class _Lacking:
    """The names of a request that lacks one of them, and how each is said."""

    def __init__(self, names: Names) -> None:
        self.names = names
        surface = Surface(names.rng, names.lang)
        self.thing, self.other, self.person = names.thing(), names.thing(), names.person()
        self.device = names.other("device")
        self.place, self.rel = destination(names)
        self.slots = {
            "o": surface.thing(self.thing),
            "o2": surface.thing(self.other),
            "d": surface.to(self.place, self.rel),
            "D": surface.place(self.place),
            "p": surface.place(self.person),
            "v": surface.place(self.device),
        }
        lang = names.lang
        self.asked = {
            "o": noun(self.thing, lang),
            "o2": noun(self.other, lang),
            "P": placed(self.place, self.rel, lang),
            "p": noun(self.person, lang),
            "v": noun(self.device, lang),
        }

    def answer(self, kind: str) -> tuple[str, tuple[Intent, ...]]:
        """What is answered to the question, and what is to be done then; empty for some."""
        thing, place, speaker = self.thing, self.place, user(self.names.lang)
        told = {key: f"{OPEN}{self.names.word(key)}{SHUT}" for key in ("message", "setting")}
        answers: dict[str, tuple[str, Intent]] = {
            "place": (self.slots["d"], Intent("move", (thing,), place, self.rel)),
            "thing": (self.slots["o"], Intent("move", (thing,), place, self.rel)),
            "fetch": (self.slots["o"], Intent("fetch", (thing,), person=speaker)),
            "either": (self.slots["o"], Intent("fetch", (thing,), person=speaker)),
            "person": (self.slots["p"], Intent("deliver", (thing,), person=self.person)),
            "go": (self.slots["D"], Intent("go", places=(place,))),
            "guide": (self.slots["D"], Intent("guide", (self.person,), places=(place,))),
            "message": (told["message"], Intent("say", (self.person,), note=told["message"])),
            "value": (told["setting"], Intent("set", (self.device,), note=told["setting"])),
        }
        answer, intent = answers.get(kind, ("", None))
        return answer, () if intent is None else (intent,)


def _candidates(
    names: Names, kind: str, place: Name
) -> tuple[tuple[str, ...], tuple[tuple[str, tuple[str, ...]], ...]]:
    if kind not in {"place", "go"} or not names.chance(0.35):
        return (), ()
    found = [place.text, *(names.place().text for _ in range(names.rng.randint(1, 3)))]
    names.rng.shuffle(found)
    return tuple(found), (("places", tuple(found)),)


def _ask_which(names: Names) -> Question:
    """Ask which of several in the context is meant."""
    base = names.thing("item", "dish", "box")
    colors = names.rng.sample([names.word("color") for _ in range(12)], 3)
    joint = " " if names.lang == "en" else ""
    found = list(dict.fromkeys(f"{color}{joint}{base.text}" for color in colors))
    if len(found) < 2:
        return _ask_missing(names, "place")
    place, rel = destination(names)
    slots = {"n": marked(base), "d": Surface(names.rng, names.lang).to(place, rel)}
    table = sections(names.lang, "replies")
    said = _polite(names, fill(expand(names.rng.choice(table["ask.which"]), names.rng), slots), "")
    question = fill(table["ask.which.q"][0], {"n": base.text})
    return Question(said, question, tuple(found), context=(("objects", tuple(found)),))


def _polite(names: Names, text: str, code: str) -> str:
    tables = sections(names.lang, "wrappers")
    if code == "NOT_A_TASK" or text.startswith("!") or names.chance(0.5):
        return typed(text.lstrip("!"), names.lang, names.rng)
    pattern = names.rng.choice([p for p in tables["polite"] if "{g}" not in p][:24])
    return typed(fill(pattern, {"c": text}), names.lang, names.rng)


def _slots(names: Names) -> dict[str, str]:
    surface = Surface(names.rng, names.lang)
    device = names.other("device")
    return {
        "o": surface.thing(names.thing()),
        "o2": surface.thing(names.thing()),
        "n": marked(device),
        "v": surface.place(device),
        "p": surface.place(names.person())
        if names.chance(0.8)
        else ("他" if names.lang == "zh" else "him"),
        "D": surface.place(names.place("room", "surface")),
        "m": str(names.rng.randint(1, 99)),
    }


def _noise(names: Names) -> str:
    """Keys hit by accident."""
    rng = names.rng
    alphabets = (
        "asdfghjkl",
        "qwertyuiop",
        "zxcvbnm",
        "ㄅㄆㄇㄈㄉㄊㄋㄌㄍㄎㄏㄐㄑㄒ",
        ".,!?;:",
        "0123456789",
        "abcdefghijklmnop ",
    )
    if rng.random() < 0.2:
        return made_up.code(rng)
    alphabet = rng.choice(alphabets)
    return "".join(rng.choice(alphabet) for _ in range(rng.randint(2, 14))).strip() or "..."
