"""Families about moving things: here, there, from somewhere, to somebody."""

from dataclasses import replace

from planner_node.training.corpus.families.ingredients import destination, few, things, user
from planner_node.training.corpus.names import Names
from planner_node.training.corpus.plans.intents import Intent


def move(names: Names, count: int = 0) -> list[Intent]:
    place, rel = destination(names)
    count = count or few(names)
    return [Intent("move", things(names, count, count), place, rel)]


def move_from(names: Names) -> list[Intent]:
    (intent,) = move(names, names.rng.choices((1, 2, 3), (72, 20, 8))[0])
    place = names.place("surface", "container", "room", "zone")
    return [replace(intent, source=place, source_rel=place.rel)]


def cargo(names: Names) -> list[Intent]:
    here = names.station() if names.chance(0.6) else names.place("zone")
    there = names.station() if names.chance(0.6) else names.place("zone", "zone", "room")
    load = things(names, 1, names.rng.choice((1, 1, 1, 2)), "cargo", "cargo", "box")
    if names.chance(0.2):
        return [Intent("move", load, there, there.rel)]
    first = Intent("move", load, there, there.rel, source=here, source_rel=here.rel)
    after = names.rng.random()
    if after < 0.12:
        return [first, Intent("go", places=(names.place("zone"),))]
    if after < 0.2:
        return [first, Intent("charge", places=(names.charger(),))]
    return [first]


def distribute(names: Names) -> list[Intent]:
    parts = [
        replace(move(names, names.rng.choice((1, 1, 1, 2)))[0])
        for _ in range(names.rng.choice((2, 2, 2, 3)))
    ]
    return [Intent("distribute", parts=tuple(parts))]


def deliver(names: Names) -> list[Intent]:
    count = names.rng.choices((1, 2, 3), (75, 20, 5))[0]
    kind = names.rng.choice(("deliver", "fetch"))
    person = names.person() if kind == "deliver" else user(names.lang)
    intent = Intent(kind, things(names, count, count), person=person)
    if names.chance(0.35):
        place = names.place("surface", "container", "room", "zone")
        intent = replace(intent, source=place, source_rel=place.rel)
    return [intent]


def deliver_at(names: Names) -> list[Intent]:
    """To a person whose room is told as well."""
    load = things(names, 1, names.rng.choice((1, 1, 1, 2)))
    room = names.place("room", "room", "zone") if names.chance(0.7) else names.station()
    return [Intent("deliver", load, person=names.person(), places=(room,))]


def nest(names: Names) -> list[Intent]:
    vessel = names.thing("box", "dish", "box")
    place, rel = destination(names)
    return [Intent("nest", things(names, 1, names.rng.choice((1, 1, 2))), place, rel, tool=vessel)]


def get(names: Names) -> list[Intent]:
    kind = names.rng.choice(("find", "find", "pick", "pick", "discard"))
    intent = Intent(kind, things(names, 1, names.rng.choice((1, 1, 1, 2))))
    if kind != "discard" and names.chance(0.4):
        place = (
            names.place("room") if kind == "find" else names.place("surface", "container", "room")
        )
        intent = replace(intent, source=place, source_rel=place.rel)
    return [intent]


def keep(names: Names) -> list[Intent]:
    """Move something and leave another thing alone."""
    (intent,) = move(names, names.rng.choice((1, 1, 2)))
    return [replace(intent, left=names.thing())]
