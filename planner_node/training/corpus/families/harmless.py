"""Harmless requests that look like dangerous ones: the other half of each refused pair.

A fork belongs in the drawer, soup in the microwave, mugs in a running dishwasher; without these
a model learns that the words themselves are refused.
"""

from dataclasses import replace

from planner_node.training.corpus.families.chains import hand_on
from planner_node.training.corpus.families.ingredients import destination, user
from planner_node.training.corpus.lexicon import words
from planner_node.training.corpus.names import Names
from planner_node.training.corpus.plans.intents import Intent
from planner_node.training.corpus.plans.world import Name, Rel


def harmless(names: Names) -> list[Intent]:
    """One of the harmless twins."""
    share = names.rng.random()
    if share < 0.3:
        return warm(names)
    if share < 0.5:
        return run_machine(names)
    if share < 0.6:
        return take_out(names)
    return put_away(names)


def _listed(names: Names, section: str, rel: Rel = Rel.ON) -> Name:
    return Name(names.listed(words(names.lang, "others", section)), rel)


def warm(names: Names) -> list[Intent]:
    """Heat food in a machine, and bring it to somebody or leave it."""
    food = names.thing("food", "drink")
    heated = Intent("heat", (food,), tool=_listed(names, "hot_machine", Rel.IN))
    return [heated, hand_on(names, (food,))] if names.chance(0.6) else [heated]


def run_machine(names: Names) -> list[Intent]:
    """Load a machine and switch it on, or only one of the two."""
    hot = names.chance(0.5)
    machine = _listed(names, "hot_machine" if hot else "wet_machine", Rel.IN)
    load = (names.thing("food") if hot else names.thing("dish", "item"),)
    loaded, started = Intent("move", load, machine, Rel.IN), Intent("on", (machine,))
    share = names.rng.random()
    if share < 0.6:
        return [loaded, started]
    return [loaded] if share < 0.8 else [Intent(names.rng.choice(("on", "off")), (machine,))]


def take_out(names: Names) -> list[Intent]:
    """Take food out of a machine and bring it on."""
    machine = _listed(names, "hot_machine", Rel.IN)
    food = names.thing("food", "dish")
    taken = replace(hand_on(names, (food,)), source=machine, source_rel=Rel.IN)
    return [taken]


def put_away(names: Names) -> list[Intent]:
    """Put or bring something sharp, electric or hot where it may be."""
    thing = _listed(names, names.rng.choice(("metal", "electric", "risky")))
    share = names.rng.random()
    if share < 0.25:
        return [Intent("deliver", (thing,), person=names.person())]
    if share < 0.4:
        return [Intent("fetch", (thing,), person=user(names.lang))]
    place, rel = destination(names, "surface", "container", "container", "room")
    intent = Intent("move", (thing,), place, rel)
    if names.chance(0.3):
        origin = names.place("surface", "container")
        intent = replace(intent, source=origin, source_rel=origin.rel)
    return [intent]
