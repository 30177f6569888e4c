"""Expands intents about what is done to a thing: heated, filled, switched, wiped."""

from collections.abc import Callable

from planner_node.training.corpus.plans.carrying import move
from planner_node.training.corpus.plans.drafting import Planner
from planner_node.training.corpus.plans.intents import Intent, place_of
from planner_node.training.corpus.plans.world import Rel, Step, Verb


def treat(verb: Verb) -> Callable[[Planner, Intent], None]:
    """Heat, cool, wash, slice: in a tool when one is named, then to a place when one is named."""

    def expand(planner: Planner, intent: Intent) -> None:
        (thing,) = intent.things
        if intent.tool is not None:
            planner.acquire(thing)
            planner.reach(intent.tool)
            planner.do(Verb.PLACE, thing, place=intent.tool, rel=intent.tool.rel)
        elif intent.place is not None:
            planner.acquire(thing)
        planner.approach(thing)
        planner.emit(Step(verb, (thing,), note=intent.note))
        planner.expect(verb, thing)
        if intent.place is not None:
            move(planner, Intent("move", (thing,), intent.place, intent.rel))

    return expand


def fill(planner: Planner, intent: Intent) -> None:
    (thing,) = intent.things
    if intent.tool is not None:
        planner.acquire(thing)
        planner.reach(intent.tool)
    planner.approach(thing)
    planner.emit(Step(Verb.FILL, (thing,), note=intent.note))
    planner.expect(Verb.FILL, thing)
    if thing.text in planner.world.held:
        planner.do(Verb.PUT_DOWN, thing)


def pour(planner: Planner, intent: Intent) -> None:
    (liquid,), vessel = intent.things, place_of(intent)
    planner.acquire(liquid)
    planner.reach(vessel)
    planner.do(Verb.POUR, liquid, place=vessel, rel=Rel.IN)
    planner.expect(Verb.POUR, liquid)
    planner.goals = [g for g in planner.goals if (g.kind, g.thing) != ("held", liquid.text)]
    planner.do(Verb.PUT_DOWN, liquid)


def switch(verb: Verb) -> Callable[[Planner, Intent], None]:
    def expand(planner: Planner, intent: Intent) -> None:
        if intent.source is not None:
            planner.reach(intent.source)
        for device in intent.things:
            if intent.source is not None:
                planner.do(Verb.FIND, device)
            else:
                planner.reach(device)
            planner.do(verb, device)
            planner.expect(verb, device)

    return expand


def switch_group(verb: Verb) -> Callable[[Planner, Intent], None]:
    """All devices of a kind are searched; a single one is walked to."""
    single = switch(verb)

    def expand(planner: Planner, intent: Intent) -> None:
        if not intent.things[0].group:
            single(planner, intent)
            return
        planner.do(Verb.FIND, *intent.things)
        planner.do(verb, *intent.things)
        planner.expect(verb, intent.things[0])

    return expand


def set_value(planner: Planner, intent: Intent) -> None:
    (device,) = intent.things
    planner.reach(device)
    planner.emit(Step(Verb.SET, (device,), note=intent.note))
    planner.expect(Verb.SET, device)


def act(planner: Planner, intent: Intent) -> None:
    """A verb of the lexicon's own, e.g. water the plants: find the thing, then do it."""
    (thing,) = intent.things
    if intent.source is not None:
        planner.reach(intent.source)
        planner.do(Verb.FIND, thing)
    planner.approach(thing)
    planner.emit(Step(Verb.ACT, (thing,), note="\t".join(intent.says)))
    planner.expect(Verb.ACT, thing)


def lamp(planner: Planner, intent: Intent) -> None:
    """Hold the thing near the lamp, switch it on, look, put the thing down."""
    (thing,), lamp = intent.things, intent.tool
    if lamp is None:
        raise ValueError("looking needs a lamp")
    planner.acquire(thing)
    planner.reach(lamp)
    planner.do(Verb.ON, lamp)
    planner.do(Verb.CHECK, place=thing)
    planner.do(Verb.PUT_DOWN, thing)
    planner.expect(Verb.CHECK, None, thing)


def with_tool(verb: Verb) -> Callable[[Planner, Intent], None]:
    """Fetch the tool, do the work at each place with it, put the tool down."""

    def expand(planner: Planner, intent: Intent) -> None:
        (tool,) = intent.things
        planner.acquire(tool)
        for place in intent.places:
            planner.reach(place)
            planner.do(verb, place=place)
            planner.expect(verb, None, place)
        planner.do(Verb.PUT_DOWN, tool)

    return expand


def if_state(verb: Verb) -> Callable[[Planner, Intent], None]:
    def expand(planner: Planner, intent: Intent) -> None:
        (device,) = intent.things
        planner.reach(device)
        planner.do(Verb.CHECK, place=device)
        planner.emit(Step(verb, (device,), note="if"))
        planner.expect(verb, device)

    return expand
