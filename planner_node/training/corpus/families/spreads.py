"""Families about sorting things out, each to its own place or person, and about notes."""

from dataclasses import replace

from planner_node.training.corpus.families.ingredients import destination, things, user
from planner_node.training.corpus.families.quantities import lot
from planner_node.training.corpus.lexicon import words
from planner_node.training.corpus.names import Names
from planner_node.training.corpus.plans.intents import Intent
from planner_node.training.corpus.plans.world import Name
from planner_node.training.corpus.speech.surface import OPEN, SHUT, difference


def spread(names: Names) -> list[Intent]:
    """Two to four things, each to its own place or person, said once or as a note."""
    count = names.rng.choices((2, 3, 4, 5), (38, 36, 20, 6))[0]
    to_people = names.rng.choices((0.0, 0.35, 1.0), (50, 35, 15))[0]
    parts = [_part(names, to_people, small=count > 2) for _ in range(count)]
    if names.chance(0.1):
        origins = [names.place("surface", "container", "room") for _ in range(min(count, 2))]
        parts = [
            replace(part, source=origin, source_rel=origin.rel)
            for part, origin in zip(parts, origins, strict=False)
        ]
        return [Intent("spread", parts=tuple(parts))]
    note = "raw" if names.chance(0.25) else ""
    return [Intent("spread", parts=tuple(parts), note=note)]


def pair(names: Names) -> list[Intent]:
    """Two things told together: each to its own place, or both to the same."""
    first, second = (_part(names, 0.0, small=True) for _ in range(2))
    if names.chance(0.6):
        return [Intent("spread", parts=(first, second), note="pair")]
    second = replace(second, place=first.place, rel=first.rel)
    return [Intent("spread", parts=(first, second), note="same")]


def colors(names: Names) -> list[Intent]:
    """Two of a kind told apart by colour or size, the second only as "the blue one"."""
    one, other = _told_apart(names)
    parts = [_part(names, 0.15, small=True) for _ in range(2)]
    short = _short(names, one, other)
    first = replace(parts[0], things=(one,))
    second = replace(parts[1], things=(other,), says=(short, ""))
    return [Intent("spread", parts=(first, second))]


def contrast(names: Names) -> list[Intent]:
    """This one and not that one: two of a kind, or two things."""
    one, other = _told_apart(names) if names.chance(0.6) else (names.thing(), names.thing())
    note = "contrast"
    if names.chance(0.3):
        return [Intent("deliver", (one,), person=names.person(), left=other, note=note)]
    place = names.place("surface", "container", "room", "zone")
    return [Intent("move", (one,), place, place.rel, left=other, note=note)]


def _told_apart(names: Names) -> tuple[Name, Name]:
    kind = names.rng.choice(("color", "color", "size", "material"))
    noun = names.thing("item", "dish", "box").text
    usable = [word for word in words(names.lang, "others", kind) if word not in noun]
    first, second = names.rng.sample(usable, 2)
    space = " " if names.lang == "en" else names.rng.choice(("的", ""))
    joint = "" if first.endswith("的") or second.endswith("的") else space
    return Name(f"{first}{joint}{noun}"), Name(f"{second}{joint}{noun}")


def _short(names: Names, one: Name, other: Name) -> str:
    """``the blue one`` or the whole name; Chinese says the whole name."""
    if names.lang == "zh":
        return ""
    full = f"the {OPEN}{other.text}{SHUT}"
    return names.rng.choice((full, f"the {difference(one, other)} one"))


def _part(names: Names, to_people: float, *, small: bool) -> Intent:
    load = things(names, 1, 1 if small else names.rng.choice((1, 1, 1, 2)))
    share = names.rng.random()
    if share < 0.1:
        load = (all_of(names, load[0]),)
    elif share < 0.16:
        load = (lot(names),)
    if names.chance(to_people):
        return Intent("deliver", load, person=names.person())
    place = names.place("surface", "surface", "container", "container", "room", "zone")
    return Intent("move", load, place, place.rel)


def all_of(names: Names, thing: Name) -> Name:
    """The thing as a whole kind: ``all the cups``."""
    text = thing.text
    if names.lang == "en" and not (thing.plural or thing.mass or text.endswith("s")):
        text += "s"
    return replace(thing, text=text, group=True, plural=True, proper=False, lead="")


def noted(names: Names) -> list[Intent]:
    """One errand as a note, a call or a form to fill in, instead of a sentence."""
    kind = names.rng.choices(("move", "move_from", "deliver", "fetch", "go"), (50, 18, 20, 8, 4))[0]
    load = things(names, 1, names.rng.choice((1, 1, 1, 1, 2)))
    if kind == "deliver":
        return [Intent("deliver", load, person=names.person(), note="raw")]
    if kind == "fetch":
        return [Intent("fetch", load, person=user(names.lang), note="raw")]
    place = names.place("surface", "container", "room", "zone")
    if kind == "go":
        return [Intent("go", places=(place,), note="raw")]
    intent = Intent("move", load, place, place.rel, note="raw")
    if kind == "move_from":
        origin = names.place("surface", "container", "room", "zone")
        return [replace(intent, source=origin, source_rel=origin.rel)]
    return [intent]


def everything_but(names: Names) -> list[Intent]:
    """Whatever lies somewhere, perhaps but for one thing, to another place."""
    origin = names.place("surface", "container", "room")
    place, rel = destination(names)
    everything = (
        Name(names.rng.choice(("東西", "東西", "物品")), group=True, plural=True)
        if names.lang == "zh"
        else Name("everything", proper=True)
    )
    said = "" if names.lang == "zh" else "everything"
    intent = Intent(
        "move", (everything,), place, rel, source=origin, source_rel=origin.rel, says=(said, "")
    )
    return [replace(intent, left=names.thing())] if names.chance(0.6) else [intent]
