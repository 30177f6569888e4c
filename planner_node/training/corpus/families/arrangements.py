"""Families about where things end up: on each other, from several places, with several people."""

from dataclasses import replace

from planner_node.training.corpus import made_up
from planner_node.training.corpus.families.ingredients import destination, things
from planner_node.training.corpus.families.scenarios import move
from planner_node.training.corpus.lexicon import sections
from planner_node.training.corpus.names import Names
from planner_node.training.corpus.plans.intents import Intent
from planner_node.training.corpus.plans.world import Name, Rel


def stack(names: Names) -> list[Intent]:
    """Put a thing on, in or beside another thing."""
    base = names.thing("dish", "box", "item")
    rel = names.rng.choice((Rel.ON, Rel.ON, Rel.ON, Rel.IN, Rel.BESIDE, Rel.BESIDE, Rel.UNDER))
    intent = Intent("stack", things(names, 1, names.rng.choice((1, 1, 1, 2))), base, rel)
    if names.chance(0.25):
        place = names.place("surface", "container")
        return [replace(intent, kind="move", source=place, source_rel=place.rel)]
    return [intent]


def beside_something(names: Names) -> list[Intent]:
    """The thing is told by what it lies next to."""
    place, rel = destination(names)
    mark = names.thing() if names.chance(0.6) else names.place("surface")
    source_rel = names.rng.choice((Rel.BESIDE, Rel.BESIDE, Rel.UNDER, Rel.BEHIND, Rel.FRONT))
    return [Intent("move", things(names), place, rel, source=mark, source_rel=source_rel)]


def several_sources(names: Names) -> list[Intent]:
    """One thing from here and one from there, to the same place."""
    place, rel = destination(names)
    parts = []
    for _ in range(2):
        origin = names.place("surface", "container", "room")
        part = Intent("move", things(names), place, rel, source=origin, source_rel=origin.rel)
        parts.append(part)
    return [Intent("collect", place=place, rel=rel, parts=tuple(parts))]


def to_people(names: Names) -> list[Intent]:
    """One thing to this person, another to that one."""
    count = names.rng.choice((2, 2, 2, 3))
    parts = tuple(Intent("deliver", things(names), person=names.person()) for _ in range(count))
    return [Intent("share", parts=parts)]


def wrong_place(names: Names) -> list[Intent]:
    """Not there but here."""
    (intent,) = move(names, 1)
    return [replace(intent, kind="instead", left=None, tool=names.place("surface", "container"))]


def furniture(names: Names) -> list[Intent]:
    """A piece of furniture told by its room: the kitchen table, 客廳的桌子."""
    (intent,) = move(names, names.rng.choice((1, 1, 2)))
    intent = replace(intent, place=in_room(names), rel=Rel.ON)
    if names.chance(0.5):
        return [replace(intent, source=in_room(names), source_rel=Rel.ON)]
    return [intent]


def in_room(names: Names) -> Name:
    """A surface named together with its room."""
    room, surface = names.place("room"), names.place("surface")
    if names.lang == "zh":
        return Name(room.text + names.rng.choice(("的", "")) + surface.text, Rel.ON)
    if names.chance(0.5) and not room.proper:
        return Name(f"{room.text} {surface.text}", Rel.ON)
    article = "" if room.proper else "the "
    return Name(f"{surface.text} in {article}{room.text}", Rel.ON)


def whole_rack(names: Names) -> list[Intent]:
    """Carry a coded rack, pallet or bin between coded places."""
    load = names.station(departments=0) if names.chance(0.2) else _coded(names)
    there = names.station() if names.chance(0.7) else names.place("zone")
    here = names.station() if names.chance(0.5) else names.place("zone")
    intent = Intent("move", (load,), there, there.rel)
    if names.chance(0.5):
        intent = replace(intent, source=here, source_rel=here.rel)
    if names.chance(0.25):
        kind = names.rng.choice(("go", "charge"))
        home = names.charger() if kind == "charge" else names.place("zone")
        return [intent, Intent(kind, places=(home,))]
    return [intent]


def _coded(names: Names) -> Name:
    code = made_up.code(names.rng)
    nouns = sections(names.lang, "coded")["noun"]
    noun = names.rng.choice(nouns)
    return Name(f"{noun} {code}", proper=True) if names.lang == "en" else Name(f"{noun}{code}")
