"""Expands intents about things that change places or hands."""

from collections.abc import Callable

from planner_node.training.corpus.plans.drafting import Planner
from planner_node.training.corpus.plans.intents import Intent, place_of
from planner_node.training.corpus.plans.world import HANDS, Name, Rel, Step, Verb


def _trips(planner: Planner, intent: Intent, drop: Callable[[tuple[Name, ...]], None]) -> None:
    free = HANDS - len([t for t in planner.world.held if t not in {n.text for n in intent.things}])
    size = max(1, free)
    for start in range(0, len(intent.things), size):
        load = intent.things[start : start + size]
        for thing in load:
            planner.acquire(thing, intent.source)
        drop(load)


def move(planner: Planner, intent: Intent) -> None:
    place = place_of(intent)

    def drop(load: tuple[Name, ...]) -> None:
        planner.reach(place)
        planner.do(Verb.PLACE, *load, place=place, rel=intent.rel)

    _trips(planner, intent, drop)
    for thing in intent.things:
        planner.expect("at", thing, place)


def deliver(planner: Planner, intent: Intent) -> None:
    person = intent.person
    if person is None:
        raise ValueError("a delivery needs a person")

    for room in intent.places:  # where the person is said to be
        planner.world.at[person.text] = planner.start[person.text] = room.text
        planner.named.setdefault(room.text, room)

    def drop(load: tuple[Name, ...]) -> None:
        for room in intent.places:
            planner.reach(room)
        planner.reach(person)
        planner.do(Verb.GIVE, *load, place=person)

    _trips(planner, intent, drop)
    for thing in intent.things:
        planner.expect("at", thing, person)


def distribute(planner: Planner, intent: Intent) -> None:
    for part in intent.parts:
        move(planner, part)


def share(planner: Planner, intent: Intent) -> None:
    for part in intent.parts:
        deliver(planner, part)


def spread(planner: Planner, intent: Intent) -> None:
    """Each part to its place or to its person, in the order told."""
    for part in intent.parts:
        (deliver if part.person is not None else move)(planner, part)


def collect(planner: Planner, intent: Intent) -> None:
    """Fetch each part from its own source, two at a time, then place them together."""
    place = place_of(intent)
    loads = tuple(part.things[0] for part in intent.parts)
    for part in intent.parts:
        planner.acquire(part.things[0], part.source)
    planner.reach(place)
    planner.do(Verb.PLACE, *loads, place=place, rel=intent.rel)
    for thing in loads:
        planner.expect("at", thing, place)


def nest(planner: Planner, intent: Intent) -> None:
    """Put things into a container, then carry the container."""
    vessel = intent.tool
    if vessel is None:
        raise ValueError("a nested move needs a container")
    move(planner, Intent("move", intent.things, vessel, Rel.IN, intent.source))
    move(planner, Intent("move", (vessel,), intent.place, intent.rel))


def find(planner: Planner, intent: Intent) -> None:
    if intent.source is not None:
        planner.reach(intent.source)
    for thing in intent.things:
        planner.do(Verb.FIND, thing)
        planner.expect(Verb.FIND, thing)


def pick(planner: Planner, intent: Intent) -> None:
    for thing in intent.things:
        planner.acquire(thing, intent.source)
        planner.expect("held", thing)


def discard(planner: Planner, intent: Intent) -> None:
    for thing in intent.things:
        planner.acquire(thing)
        planner.do(Verb.DISCARD, thing)
        planner.expect(Verb.DISCARD, thing)


def from_person(planner: Planner, intent: Intent) -> None:
    if intent.person is None:
        raise ValueError("somebody must hand the thing over")
    for thing in intent.things:
        planner.acquire(thing, intent.person)
        planner.expect("held", thing)


def if_present(planner: Planner, intent: Intent) -> None:
    source, (thing,) = intent.source, intent.things
    if source is None:
        raise ValueError("a condition on presence needs a place to look at")
    planner.reach(source)
    planner.emit(Step(Verb.CHECK, (thing,), source, intent.source_rel))
    move(planner, intent)


def if_else(planner: Planner, intent: Intent) -> None:
    """Look for the first; bring it, or the second where the first is missing."""
    place, person, (first, second) = intent.source, intent.person, intent.things
    if place is None or person is None:
        raise ValueError("a choice needs a place and a person")
    planner.reach(place)
    planner.emit(Step(Verb.CHECK, (first,), place, intent.source_rel))
    planner.world.at[first.text] = planner.start[first.text] = place.text
    planner.emit(Step(Verb.PICK, (first,), second, note="else"))
    planner.reach(person)
    planner.do(Verb.GIVE, first, place=person)
    planner.expect("at", first, person)
