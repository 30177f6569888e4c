"""Families about doing something on the way: looking, counting, meeting people, using a tool."""

from dataclasses import replace

from planner_node.training.corpus.families.chains import hand_on
from planner_node.training.corpus.families.ingredients import destination, things, user
from planner_node.training.corpus.names import Names
from planner_node.training.corpus.plans.intents import Intent
from planner_node.training.corpus.plans.world import Rel


def told_where(names: Names) -> list[Intent]:
    """First it is said where the thing is, then what to do with it."""
    origin = names.place("surface", "container", "room")
    load = things(names, 1, names.rng.choice((1, 1, 1, 2)))
    last = hand_on(names, load)
    return [replace(last, source=origin, source_rel=origin.rel, note="told")]


def under_the_lamp(names: Names) -> list[Intent]:
    """Look at a thing by the light of a lamp."""
    return [Intent("lamp", things(names, 1, 1, "item"), tool=names.other("device"))]


def wipe_with(names: Names) -> list[Intent]:
    """Use a cloth to clean something."""
    return [Intent("wipe.with", (names.other("cleaner"),), places=(names.other("cleanable"),))]


def from_person(names: Names) -> list[Intent]:
    """Get something from a person and bring it on."""
    load = things(names)
    return [Intent("collect.person", load, person=names.person()), hand_on(names, load)]


def welcome(names: Names) -> list[Intent]:
    """Meet somebody somewhere, then guide or follow."""
    room = names.place("room", "zone")
    person = names.person()
    if names.chance(0.7):
        intent = Intent("meet.guide", (person,), places=(names.place("room"),), source=room)
    else:
        intent = Intent("meet.follow", (person,), source=room)
    return [intent]


def count_things(names: Names) -> list[Intent]:
    """Count the things of a kind somewhere, and report."""
    place = names.place("surface", "container", "room")
    thing = names.thing()
    if names.lang == "en" and not thing.text.endswith("s"):
        thing = replace(thing, text=thing.text + "s", plural=True)
    return [Intent("count", (replace(thing, lead=""),), source=place, source_rel=place.rel)]


def otherwise(names: Names) -> list[Intent]:
    """If there is one, bring it; otherwise bring the other."""
    first, second = names.thing(), names.thing()
    place = names.place("surface", "container", "room")
    return [
        Intent(
            "if.else", (first, second), person=user(names.lang), source=place, source_rel=place.rel
        )
    ]


def all_devices(names: Names) -> list[Intent]:
    """Switch all devices of a kind."""
    device = names.other("device")
    if names.lang == "en" and not device.text.endswith("s"):
        device = replace(device, text=device.text + "s")
    device = replace(device, group=True, plural=True, proper=False, lead="")
    return [Intent(names.rng.choice(("on", "off", "off", "off")), (device,))]


def set_to(names: Names) -> list[Intent]:
    """Set a device to a value."""
    number = names.rng.choice((16, 18, 20, 22, 24, 25, 26, 28, 30, 40, 50, 60, 80, 100, 180))
    unit = (
        names.rng.choice(("度", "%", "分鐘"))
        if names.lang == "zh"
        else names.rng.choice((" degrees", "%", " minutes"))
    )
    return [Intent("set", (names.other("device"),), note=f"{number}{unit}")]


def through_door(names: Names) -> list[Intent]:
    """Open a door, go in, do something there."""
    door = names.other("openable")
    room = names.place("room")
    intents = [Intent("open", (door,)), Intent("go", places=(room,))]
    if names.chance(0.5):
        intents.append(
            Intent(names.rng.choice(("wipe", "clean")), places=(names.other("cleanable"),))
        )
    else:
        intents += [Intent("find", things(names))]
    return intents


def loaded_with(names: Names) -> list[Intent]:
    """Load a machine or a box with things."""
    place, _ = destination(names, "container")
    return [Intent("load", things(names, 1, 2), place, Rel.IN)]
