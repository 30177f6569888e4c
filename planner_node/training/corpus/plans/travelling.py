"""Expands intents about places to go to, people to meet and what to see there."""

from collections.abc import Callable

from planner_node.training.corpus.plans.drafting import Planner
from planner_node.training.corpus.plans.intents import Intent
from planner_node.training.corpus.plans.world import Step, Verb


def tour(*verbs: Verb, report: bool = False) -> Callable[[Planner, Intent], None]:
    """Go to each place and do each verb there."""

    def expand(planner: Planner, intent: Intent) -> None:
        for place in intent.places:
            planner.reach(place)
            for verb in verbs:
                planner.do(verb, place=place)
            planner.expect(verbs[-1] if verbs else Verb.GO, None, place)
        if report:
            planner.emit(Step(Verb.REPORT))

    return expand


def guide(planner: Planner, intent: Intent) -> None:
    (person,) = intent.things
    planner.reach(person)
    for place in intent.places:
        planner.do(Verb.GUIDE, person, place=place)
        planner.expect(Verb.GUIDE, None, place)


def follow(planner: Planner, intent: Intent) -> None:
    (person,) = intent.things
    planner.do(Verb.FIND, person)
    planner.do(Verb.FOLLOW, person)
    planner.expect(Verb.FOLLOW, person)


def meet(planner: Planner, intent: Intent) -> None:
    (person,), room = intent.things, intent.source
    if room is None:
        raise ValueError("a meeting needs a place")
    planner.reach(room)
    planner.do(Verb.FIND, person)
    for place in intent.places:
        planner.do(Verb.GUIDE, person, place=place)
        planner.expect(Verb.GUIDE, None, place)
    if not intent.places:
        planner.do(Verb.FOLLOW, person)
        planner.expect(Verb.FOLLOW, person)


def speak(verb: Verb) -> Callable[[Planner, Intent], None]:
    def expand(planner: Planner, intent: Intent) -> None:
        (person,) = intent.things
        planner.reach(person)
        planner.emit(Step(verb, (person,), note=intent.note))
        planner.expect(verb, person)

    return expand


def wait(planner: Planner, intent: Intent) -> None:
    for place in intent.places:
        planner.reach(place)
    planner.emit(Step(Verb.WAIT, note=intent.note))
    planner.expect(Verb.WAIT)


def charge(planner: Planner, intent: Intent) -> None:
    for place in intent.places:
        planner.reach(place)
    planner.do(Verb.CHARGE)
    planner.expect(Verb.CHARGE)


def if_battery(planner: Planner, intent: Intent) -> None:
    planner.emit(Step(Verb.CHECK, note="battery"))
    planner.reach(intent.places[0])
    planner.emit(Step(Verb.CHARGE, note=intent.note))
    planner.expect(Verb.CHARGE)


def count(planner: Planner, intent: Intent) -> None:
    place, (thing,) = intent.source, intent.things
    if place is None:
        raise ValueError("counting needs a place")
    planner.reach(place)
    planner.emit(Step(Verb.COUNT, (thing,), place, intent.source_rel))
    planner.emit(Step(Verb.REPORT))
    planner.expect(Verb.COUNT, thing)


def until(planner: Planner, intent: Intent) -> None:
    """Wait for a time of day or for something to happen."""
    for place in intent.places:
        planner.reach(place)
    planner.emit(Step(Verb.WAIT, note=intent.note, form="WAIT.until"))
    planner.expect(Verb.WAIT)


def report(planner: Planner, intent: Intent) -> None:
    """Report what was found: to the speaker, or to somebody by name."""
    form = "REPORT.to" if intent.things else ""
    planner.emit(Step(Verb.REPORT, intent.things, form=form))
    planner.expect(Verb.REPORT)
