"""Longer requests: several intents in a row, often about the same thing."""

from dataclasses import replace
from typing import Final

from planner_node.training.corpus.families import rounds, scenarios, treatments
from planner_node.training.corpus.families.ingredients import (
    Family,
    destination,
    dock,
    things,
    user,
)
from planner_node.training.corpus.names import Names
from planner_node.training.corpus.plans.intents import Intent
from planner_node.training.corpus.plans.world import Name, Rel


def hand_on(names: Names, load: tuple[Name, ...]) -> Intent:
    """Bring what was just fetched somewhere or to somebody."""
    if names.chance(0.55):
        place, rel = destination(names)
        return Intent("move", load, place, rel)
    if names.chance(0.6):
        return Intent("deliver", load, person=names.person())
    return Intent("fetch", load, person=user(names.lang))


def fetch_and_bring(names: Names) -> list[Intent]:
    """Pick or find something, then bring it on."""
    load = things(names, 1, names.rng.choice((1, 1, 1, 2)))
    first = Intent(names.rng.choice(("pick", "pick", "find")), load)
    if names.chance(0.45):
        place = names.place("surface", "container", "room", "zone")
        first = replace(first, source=place, source_rel=place.rel)
        first = replace(first, kind="pick")
    if first.kind == "find" and len(load) > 1:
        first = replace(first, kind="pick")
    return [first, hand_on(names, load)]


def out_of_container(names: Names) -> list[Intent]:
    """Open it, take something out, close it, bring the thing on."""
    box = replace(
        names.other("openable") if names.chance(0.5) else names.place("container"), rel=Rel.IN
    )
    load = things(names, 1, 1, "food", "drink", "item")
    intents = [Intent("open", (box,)), Intent("pick", load, source=box, source_rel=Rel.IN)]
    if names.chance(0.55):
        intents.append(Intent("close", (box,)))
    intents.append(hand_on(names, load))
    return intents


def into_container(names: Names) -> list[Intent]:
    """Open it, put something in, close it."""
    box = replace(
        names.other("openable") if names.chance(0.5) else names.place("container"), rel=Rel.IN
    )
    load = things(names, 1, names.rng.choice((1, 1, 2)))
    intents = [Intent("open", (box,)), Intent("move", load, box, Rel.IN)]
    if names.chance(0.75):
        intents.append(Intent("close", (box,)))
    return intents


def go_and_get(names: Names) -> list[Intent]:
    """Go to a place, take something there, bring it on."""
    place = names.place("room", "surface", "zone")
    load = things(names)
    taken = Intent("pick", load)
    return [Intent("go", places=(place,)), taken, hand_on(names, load)]


def treat_and_bring(names: Names) -> list[Intent]:
    (first, *_) = treatments.treat(names)
    return [replace(first, place=None), hand_on(names, first.things)]


def several_treatments(names: Names) -> list[Intent]:
    (thing,) = things(names, 1, 1, "food", "food", "dish")
    pairs = (
        ("wash", "slice"),
        ("slice", "heat"),
        ("wash", "heat"),
        ("wash", "cool"),
        ("heat", "cool"),
    )
    first, second = names.rng.choice(pairs)
    intents = [Intent(first, (thing,)), Intent(second, (thing,))]
    return [*intents, hand_on(names, (thing,))] if names.chance(0.6) else intents


def return_home(names: Names) -> list[Intent]:
    """Do something and come back."""
    first = names.rng.choice((scenarios.move, rounds.tour, scenarios.deliver, scenarios.cargo))(
        names
    )
    kind = "charge" if names.chance(0.3) else "go"
    if names.chance(0.3):
        home = dock(names.lang)
    else:
        home = names.charger() if kind == "charge" else names.place("zone", "room")
    return [first[0], Intent(kind, places=(home,))]


def load_and_start(names: Names) -> list[Intent]:
    """Put something into a machine, close it, switch it on."""
    machine = replace(names.other("device"), rel=Rel.IN)
    intents = [Intent("move", things(names, 1, names.rng.choice((1, 1, 2))), machine, Rel.IN)]
    if names.chance(0.25):
        intents.append(Intent("close", (machine,)))
    return [*intents, Intent("on", (machine,))]


def two_switches(names: Names) -> list[Intent]:
    """Close it and lock it; open it, then close it."""
    door = names.other("openable")
    pairs = (("close", "lock"), ("close", "lock"), ("unlock", "open"), ("open", "close"))
    first, second = names.rng.choice(pairs)
    return [Intent(first, (door,)), Intent(second, (door,))]


def out_and_pour(names: Names) -> list[Intent]:
    """Take a drink from where it is, pour it into a cup, bring the cup on."""
    place = names.place("container", "surface")
    drink, cup = names.thing("drink"), names.thing("dish")
    intents = [
        Intent("pick", (drink,), source=place, source_rel=place.rel),
        Intent("pour", (drink,), cup, Rel.IN),
    ]
    return [*intents, hand_on(names, (cup,))] if names.chance(0.5) else intents


_SIMPLE: Final[tuple[Family, ...]] = (
    scenarios.move,
    scenarios.move,
    scenarios.move_from,
    scenarios.deliver,
    treatments.switch,
    treatments.switch,
    rounds.tour,
    rounds.clean,
    treatments.treat,
    scenarios.get,
    rounds.people,
    rounds.idle,
    treatments.act,
    treatments.condition,
)


LONG: Final = 4


def one(names: Names) -> list[Intent]:
    """A single thing to move or to bring."""
    return scenarios.move(names, 1) if names.chance(0.7) else [hand_on(names, things(names))]


_SHORT: Final[tuple[Family, ...]] = (
    one,
    one,
    one,
    lambda names: treatments.switch(names)[:1],
    rounds.clean,
    lambda names: [Intent("go", places=(names.place("room", "zone"),))],
    rounds.idle,
)


def moves_in_a_row(names: Names) -> list[Intent]:
    """Two to four things moved or brought one after another, in an order that matters."""
    count = names.rng.choices((2, 3, 4), (55, 33, 12))[0]
    intents: list[Intent] = []
    for _ in range(count):
        intents += one(names) if names.chance(0.8) else scenarios.move_from(names)[:1]
    return intents


def same_thing_again(names: Names) -> list[Intent]:
    """One thing is treated, moved and brought: told by name first, by pronoun later."""
    load = things(names, 1, names.rng.choice((1, 1, 1, 2)))
    place, rel = destination(names, "surface", "room", "zone")
    first = Intent("move", load, place, rel)
    if names.chance(0.5):
        return [first, hand_on(names, load)]
    other = scenarios.move(names, 1)[0]
    return [first, replace(other, left=None), hand_on(names, load)]


def sequence(names: Names) -> list[Intent]:
    """Two to five unrelated errands in order; where there are many, each is small."""
    count = names.rng.choices((2, 3, 4, 5), (48, 30, 14, 8))[0]
    pool = _SIMPLE if count < LONG else _SHORT
    intents: list[Intent] = []
    for _ in range(count):
        drawn = names.rng.choice(pool)(names)
        if drawn[0].kind == "pick":
            drawn = [*drawn, hand_on(names, drawn[0].things)]
        intents.extend(replace(intent, left=None) for intent in drawn)
    return intents[: max(count, LONG)]
