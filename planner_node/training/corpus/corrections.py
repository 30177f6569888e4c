"""Second turns: the speaker corrects a plan, or reports the step that failed."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from planner_node.training.corpus.families.ingredients import destination
from planner_node.training.corpus.lexicon import sections
from planner_node.training.corpus.names import Names
from planner_node.training.corpus.plans.intents import Intent
from planner_node.training.corpus.plans.world import Name, Step, Verb
from planner_node.training.corpus.speech.noise import typed
from planner_node.training.corpus.speech.patterns import expand, fill
from planner_node.training.corpus.speech.surface import Surface
from planner_node.training.corpus.speech.wording import subtask

KINDS: Final = ("move", "move", "deliver", "go", "patrol", "on", "off", "open", "close")


def request(names: Names) -> Intent:
    """A plain request that somebody may correct."""
    kind = names.rng.choice(KINDS)
    if kind == "move":
        place, rel = destination(names)
        return Intent("move", (names.thing(),), place, rel)
    if kind == "deliver":
        return Intent("deliver", (names.thing(),), person=names.person())
    if kind in {"go", "patrol"}:
        return Intent(kind, places=(names.place("room", "zone"),))
    section = "device" if kind in {"on", "off"} else "openable"
    return Intent(kind, (names.other(section),))


def corrected(names: Names, first: Intent) -> tuple[Intent, str]:
    """The request as it was meant, and what is said to correct it."""
    surface = Surface(names.rng, names.lang)
    if first.places:
        place = names.place("room", "zone")
        meant, key, slots = replace(first, places=(place,)), "D", {"x": surface.place(place)}
    elif first.place is not None and names.chance(0.5):
        place, rel = destination(names)
        meant, key = replace(first, place=place, rel=rel), "d"
        slots = {"x": surface.to(place, rel)}
    elif first.person is not None and names.chance(0.5):
        person = names.person()
        meant, key, slots = replace(first, person=person), "p", {"x": surface.place(person)}
    else:
        old, thing = first.things[0], _another(names, first)
        meant, key = replace(first, things=(thing,)), "o"
        slots = {"x": surface.thing(thing), "y": surface.place(old)}
    lines = sections(names.lang, "corrections")[key]
    said = fill(expand(names.rng.choice(lines), names.rng), slots)
    return meant, typed(said, names.lang, names.rng)


def _another(names: Names, first: Intent) -> Name:
    if first.kind in {"on", "off"}:
        return names.other("device")
    return names.other("openable") if first.kind in {"open", "close"} else names.thing()


def failed(names: Names, steps: Sequence[Step]) -> tuple[tuple[Step, ...], str]:
    """The steps that remain after one failed, and how that is reported."""
    number = names.rng.randrange(1, len(steps))
    title = subtask(steps[number], names.lang)[0]
    lines = sections(names.lang, "corrections")["failed"]
    slots = {"x": title, "l": title[0].lower() + title[1:], "k": str(number + 1)}
    said = fill(expand(names.rng.choice(lines), names.rng), slots)
    rest = tuple(steps[number:])
    if rest[0].verb is Verb.PICK:
        rest = (Step(Verb.FIND, rest[0].things), *rest)
    return rest, typed(said, names.lang, names.rng)
