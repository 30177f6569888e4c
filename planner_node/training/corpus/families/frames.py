"""Whole sentences with their plan beside them: what no clause of a single intent can say.

A line of the lexicon's ``frames`` is ``said => intent; intent``. A slot's first letter tells what
is drawn for it (``{r}``, ``{r2}``: two rooms), a view after a dot how it is written: ``b`` bare,
``i`` indefinite, ``t`` as a destination, ``f`` as a source, ``g`` as where it lies. An intent is
its kind, its things, then ``@place``, ``<source``, ``>person``, ``+tool``, ``/place`` of a tour,
``#note``; ``?text`` says under which condition its steps are done. ``!`` before a line means that
nothing may be wrapped around it. A ``{z}`` where the line charges is mostly a charger.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from planner_node.training.corpus.families.ingredients import Family, dock, user
from planner_node.training.corpus.families.quantities import lot
from planner_node.training.corpus.lexicon import sections
from planner_node.training.corpus.names import Names
from planner_node.training.corpus.plans.intents import Intent
from planner_node.training.corpus.plans.world import Name, Rel
from planner_node.training.corpus.speech.patterns import expand
from planner_node.training.corpus.speech.surface import OPEN, SHUT, Surface, marked

_SLOT: Final = re.compile(r"\{(\w+)(?:\.(\w))?\}")
_CHARGED: Final = re.compile(r"(?:charge|if\.battery) /(z\d*)")
_THINGS: Final = {"f": "food", "k": "drink", "h": "dish", "b": "box", "c": "cargo", "i": "item"}
_PLACES: Final = {
    "s": ("surface",),
    "t": ("container",),
    "r": ("room",),
    "z": ("zone",),
    "d": ("surface", "surface", "container"),
    "e": ("zone", "zone", "room"),
}
_OTHERS: Final = {
    "v": "device",
    "w": "openable",
    "l": "lockable",
    "m": "cleanable",
    "x": "cleaner",
    "a": "heater",
    "y": "cooler",
    "u": "washer",
    "g": "water",
    "j": "metal",
    "E": "electric",
    "R": "risky",
    "H": "hot_machine",
    "W": "wet_machine",
}
_WORDS: Final = {"n": "duration", "M": "message", "T": "clock", "L": "setting", "S": "substance"}
_MARKS: Final = "@<>+/#?"


@dataclass(slots=True)
class _Cast:
    """The names of one sentence, drawn when a slot is first met."""

    names: Names
    surface: Surface
    drawn: dict[str, Name]
    chargers: frozenset[str]

    def name(self, slot: str) -> Name:
        if slot not in self.drawn:
            charged = slot in self.chargers
            self.drawn[slot] = self.names.charger() if charged else self._draw(slot[0])
        return self.drawn[slot]

    def _draw(self, kind: str) -> Name:
        names = self.names
        if kind in _WORDS:
            return Name(names.word(_WORDS[kind]))
        if kind in "OV":
            return _group(names.thing() if kind == "O" else names.other("device"), names.lang)
        if kind == "B":
            return lot(names)
        if kind == "N":
            return Name(f"{names.rng.choice((10, 15, 20, 25, 30, 35, 40, 50, 60, 80, 90))}%")
        if kind == "p":
            return names.person()
        if kind == "q":
            return names.station()
        if kind in _PLACES:
            return names.place(*_PLACES[kind])
        if kind in _OTHERS:
            return replace(names.other(_OTHERS[kind]), rel=Rel.IN)
        return names.thing(*((_THINGS[kind],) if kind in _THINGS else ()))

    def say(self, slot: str, view: str) -> str:
        name = self.name(slot)
        if slot[0] in _WORDS or slot[0] == "N" or view == "b":
            return marked(name)
        views: dict[str, Callable[[], str]] = {
            "t": lambda: self.surface.to(name, name.rel),
            "f": lambda: self._source(name),
            "g": lambda: self.surface.source(name, name.rel)["g"],
            "i": lambda: self._indefinite(name),
        }
        if view in views:
            return views[view]()
        placed = slot[0] in "pq" or slot[0] in _PLACES or slot[0] in _OTHERS
        return self.surface.place(name) if placed else self.surface.thing(name)

    def _source(self, name: Name) -> str:
        slots = self.surface.source(name, name.rel)
        return slots["s"] if self.surface.lang == "zh" else slots["f"]

    def _indefinite(self, name: Name) -> str:
        if self.surface.lang == "zh" or name.proper or name.plural or name.mass:
            return marked(name)
        return f"{'an' if name.text[0] in 'aeiou' else 'a'} {marked(name)}"


def _group(name: Name, lang: str) -> Name:
    text = name.text if lang == "zh" or name.text.endswith("s") else f"{name.text}s"
    return replace(name, text=text, group=True, plural=True, proper=False, lead="")


def frame(section: str) -> Family:
    """The family that says one of the section's sentences."""

    def family(names: Names) -> list[Intent]:
        return draw(names.rng.choice(sections(names.lang, "frames")[section]), names)

    return family


def draw(line: str, names: Names) -> list[Intent]:
    """The intents of one line with fresh names; the first one carries the sentence."""
    said, _, meant = line.rpartition("=>")
    cast = _Cast(names, Surface(names.rng, names.lang), {}, _chargers(said, meant))
    said = expand(said.strip(), names.rng)
    told = _SLOT.sub(lambda found: cast.say(found[1], found[2] or ""), said)
    told = told.replace(" 's", "'s").replace(" ,", ",")
    first, *rest = (_intent(part.split(), cast) for part in meant.split(";"))
    return [replace(first, frame=told), *rest]


def _chargers(said: str, meant: str) -> frozenset[str]:
    """Where a line charges, and zones named beside it that its plan leaves alone.

    Both, so that nobody can tell dock 3 from "dock 4 is taken" by the sound of its name.
    """
    charged = set(_CHARGED.findall(meant))
    if not charged:
        return frozenset()
    spoken = {slot for slot, _ in _SLOT.findall(said) if slot[0] == "z"}
    return frozenset(charged | spoken.difference(re.findall(r"\bz\d*\b", meant)))


def _intent(tokens: list[str], cast: _Cast) -> Intent:
    kind, *rest = tokens
    intent = Intent(kind)
    for token in rest:
        intent = _with(intent, token, cast)
    if kind == "fetch":
        intent = replace(intent, person=user(cast.names.lang))
    if kind == "charge" and not intent.places:
        intent = replace(intent, places=(dock(cast.names.lang),), note="unsaid")
    return intent


def _with(intent: Intent, token: str, cast: _Cast) -> Intent:
    mark, slot = (token[0], token[1:]) if token[0] in _MARKS else ("", token)
    if mark == "?":
        return replace(intent, when=_condition(slot, cast))
    if mark == "#" and slot.startswith("="):
        return replace(intent, note=f"{OPEN}{_condition(slot[1:], cast)}{SHUT}")
    if mark == "#":
        return replace(intent, note=f"{OPEN}{cast.name(slot).text}{SHUT}")
    name = user(cast.names.lang) if slot == "me" else cast.name(slot)
    match mark:
        case "@":
            return replace(intent, place=name, rel=name.rel)
        case "<":
            return replace(intent, source=name, source_rel=name.rel)
        case ">":
            return replace(intent, person=name)
        case "+":
            return replace(intent, tool=replace(name, rel=Rel.IN))
        case "/":
            return replace(intent, places=(*intent.places, name))
        case _:
            return replace(intent, things=(*intent.things, name))


def _condition(text: str, cast: _Cast) -> str:
    """``_`` stands for a space; slots are written as plans write names."""
    english = cast.names.lang == "en"

    def written(found: re.Match[str]) -> str:
        name = cast.name(found[1])
        bare = found[1][0] in _WORDS or found[1][0] == "N" or name.proper or not english
        return name.lead + name.text if bare else f"the {name.text}"

    return _SLOT.sub(written, text.replace("_", " "))
