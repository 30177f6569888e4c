"""Turns intents into steps that the world accepts: the robot finds, fetches, goes and places."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from planner_node.training.world import HANDS, Goal, Name, Rel, Step, Verb, World


@dataclass(frozen=True, slots=True)
class Intent:
    """One thing that somebody wants done; ``kind`` names its clause patterns in the lexicon."""

    kind: str
    things: tuple[Name, ...] = ()
    place: Name | None = None
    rel: Rel = Rel.ON
    source: Name | None = None
    source_rel: Rel = Rel.ON
    places: tuple[Name, ...] = ()
    person: Name | None = None
    tool: Name | None = None
    note: str = ""
    says: tuple[str, str] = ("", "")
    left: Name | None = None
    parts: tuple["Intent", ...] = ()


@dataclass(slots=True)
class Planner:
    """Emits steps and executes each one at once, so a finished plan is executable."""

    world: World = field(default_factory=World)
    steps: list[Step] = field(default_factory=list)
    goals: list[Goal] = field(default_factory=list)
    named: dict[str, Name] = field(default_factory=dict)
    start: dict[str, str] = field(default_factory=dict)

    def do(self, verb: Verb, *things: Name, place: Name | None = None, rel: Rel = Rel.ON) -> None:
        self.emit(Step(verb, things, place, rel))

    def emit(self, step: Step) -> None:
        self.world.apply(step)
        self.steps.append(step)
        for name in (*step.things, *((step.place,) if step.place else ())):
            self.named.setdefault(name.text, name)

    def reach(self, place: Name) -> None:
        if not self.world.reachable(place.text):
            self.do(Verb.GO, place=place)

    def approach(self, thing: Name) -> None:
        """Stand where ``thing`` can be touched, searching it when its place is unknown."""
        if self.world.reachable(thing.text):
            return
        known = self.named.get(self.world.at.get(thing.text, ""))
        if known:
            self.do(Verb.GO, place=known)
        else:
            self.do(Verb.FIND, thing)

    def acquire(self, thing: Name, source: Name | None = None) -> None:
        if thing.text in self.world.held:
            return
        if source is not None:
            self.named.setdefault(source.text, source)
            if thing.text not in self.world.at:
                self.world.at[thing.text] = self.start[thing.text] = source.text
        self.approach(thing)
        self.do(Verb.PICK, thing)

    def expect(self, kind: str, thing: Name | None = None, place: Name | None = None) -> None:
        """State a goal; a later step that undoes an earlier goal replaces it."""
        goal = Goal(kind, thing.text if thing else "", place.text if place else "")
        if kind in {"at", "held", "robot"}:
            same = ("robot",) if kind == "robot" else ("at", "held")
            self.goals = [g for g in self.goals if g.kind not in same or g.thing != goal.thing]
        self.goals.append(goal)


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps, the goals they reach, and where things lay before: ``{thing: place}``."""

    steps: tuple[Step, ...]
    goals: tuple[Goal, ...]
    start: dict[str, str]

    def reached(self) -> bool:
        """Run the steps in a fresh world; a broken precondition raises ``Violation``."""
        world = World(at=dict(self.start))
        world.run(self.steps)
        return all(world.holds(goal) for goal in self.goals)


def plan(intents: Sequence[Intent]) -> Plan:
    """Return the plan that fulfils ``intents`` in order."""
    planner = Planner()
    for intent in intents:
        EXPANSIONS[intent.kind](planner, intent)
    return Plan(tuple(planner.steps), tuple(planner.goals), dict(planner.start))


def _place_of(intent: Intent) -> Name:
    if intent.place is None:
        raise ValueError(f"intent {intent.kind} needs a place")
    return intent.place


def _trips(planner: Planner, intent: Intent, drop: Callable[[tuple[Name, ...]], None]) -> None:
    free = HANDS - len([t for t in planner.world.held if t not in {n.text for n in intent.things}])
    size = max(1, free)
    for start in range(0, len(intent.things), size):
        load = intent.things[start : start + size]
        for thing in load:
            planner.acquire(thing, intent.source)
        drop(load)


def _move(planner: Planner, intent: Intent) -> None:
    place = _place_of(intent)

    def drop(load: tuple[Name, ...]) -> None:
        planner.reach(place)
        planner.do(Verb.PLACE, *load, place=place, rel=intent.rel)

    _trips(planner, intent, drop)
    for thing in intent.things:
        planner.expect("at", thing, place)


def _deliver(planner: Planner, intent: Intent) -> None:
    person = intent.person
    if person is None:
        raise ValueError("a delivery needs a person")

    def drop(load: tuple[Name, ...]) -> None:
        planner.reach(person)
        planner.do(Verb.GIVE, *load, place=person)

    _trips(planner, intent, drop)
    for thing in intent.things:
        planner.expect("at", thing, person)


def _distribute(planner: Planner, intent: Intent) -> None:
    for part in intent.parts:
        _move(planner, part)


def _treat(verb: Verb) -> Callable[[Planner, Intent], None]:
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
            _move(planner, Intent("move", (thing,), intent.place, intent.rel))

    return expand


def _fill(planner: Planner, intent: Intent) -> None:
    (thing,) = intent.things
    if intent.tool is not None:
        planner.acquire(thing)
        planner.reach(intent.tool)
    planner.approach(thing)
    planner.emit(Step(Verb.FILL, (thing,), note=intent.note))
    planner.expect(Verb.FILL, thing)
    if thing.text in planner.world.held:
        planner.do(Verb.PUT_DOWN, thing)


def _pour(planner: Planner, intent: Intent) -> None:
    (liquid,), vessel = intent.things, _place_of(intent)
    planner.acquire(liquid)
    planner.reach(vessel)
    planner.do(Verb.POUR, liquid, place=vessel, rel=Rel.IN)
    planner.expect(Verb.POUR, liquid)
    planner.do(Verb.PUT_DOWN, liquid)


def _switch(verb: Verb) -> Callable[[Planner, Intent], None]:
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


def _tour(*verbs: Verb, report: bool = False) -> Callable[[Planner, Intent], None]:
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


def _find(planner: Planner, intent: Intent) -> None:
    if intent.source is not None:
        planner.reach(intent.source)
    for thing in intent.things:
        planner.do(Verb.FIND, thing)
        planner.expect(Verb.FIND, thing)


def _pick(planner: Planner, intent: Intent) -> None:
    for thing in intent.things:
        planner.acquire(thing, intent.source)
        planner.expect("held", thing)


def _discard(planner: Planner, intent: Intent) -> None:
    for thing in intent.things:
        planner.acquire(thing)
        planner.do(Verb.DISCARD, thing)
        planner.expect(Verb.DISCARD, thing)


def _guide(planner: Planner, intent: Intent) -> None:
    (person,) = intent.things
    planner.reach(person)
    for place in intent.places:
        planner.do(Verb.GUIDE, person, place=place)
        planner.expect(Verb.GUIDE, None, place)


def _follow(planner: Planner, intent: Intent) -> None:
    (person,) = intent.things
    planner.do(Verb.FIND, person)
    planner.do(Verb.FOLLOW, person)
    planner.expect(Verb.FOLLOW, person)


def _speak(verb: Verb) -> Callable[[Planner, Intent], None]:
    def expand(planner: Planner, intent: Intent) -> None:
        (person,) = intent.things
        planner.reach(person)
        planner.emit(Step(verb, (person,), note=intent.note))
        planner.expect(verb, person)

    return expand


def _wait(planner: Planner, intent: Intent) -> None:
    for place in intent.places:
        planner.reach(place)
    planner.emit(Step(Verb.WAIT, note=intent.note))
    planner.expect(Verb.WAIT)


def _charge(planner: Planner, intent: Intent) -> None:
    for place in intent.places:
        planner.reach(place)
    planner.do(Verb.CHARGE)
    planner.expect(Verb.CHARGE)


def _act(planner: Planner, intent: Intent) -> None:
    """A verb of the lexicon's own, e.g. water the plants: find the thing, then do it."""
    (thing,) = intent.things
    planner.approach(thing)
    planner.emit(Step(Verb.ACT, (thing,), note="\t".join(intent.says)))
    planner.expect(Verb.ACT, thing)


def _nest(planner: Planner, intent: Intent) -> None:
    """Put things into a container, then carry the container."""
    vessel = intent.tool
    if vessel is None:
        raise ValueError("a nested move needs a container")
    _move(planner, Intent("move", intent.things, vessel, Rel.IN, intent.source))
    _move(planner, Intent("move", (vessel,), intent.place, intent.rel))


def _if_state(verb: Verb) -> Callable[[Planner, Intent], None]:
    def expand(planner: Planner, intent: Intent) -> None:
        (device,) = intent.things
        planner.reach(device)
        planner.do(Verb.CHECK, place=device)
        planner.emit(Step(verb, (device,), note="if"))
        planner.expect(verb, device)

    return expand


def _if_present(planner: Planner, intent: Intent) -> None:
    source, (thing,) = intent.source, intent.things
    if source is None:
        raise ValueError("a condition on presence needs a place to look at")
    planner.reach(source)
    planner.emit(Step(Verb.CHECK, (thing,), source, intent.source_rel))
    _move(planner, intent)


def _collect(planner: Planner, intent: Intent) -> None:
    """Fetch each part from its own source, two at a time, then place them together."""
    place = _place_of(intent)
    loads = tuple(part.things[0] for part in intent.parts)
    for part in intent.parts:
        planner.acquire(part.things[0], part.source)
    planner.reach(place)
    planner.do(Verb.PLACE, *loads, place=place, rel=intent.rel)
    for thing in loads:
        planner.expect("at", thing, place)


def _share(planner: Planner, intent: Intent) -> None:
    for part in intent.parts:
        _deliver(planner, part)


def _lamp(planner: Planner, intent: Intent) -> None:
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


def _wipe_with(planner: Planner, intent: Intent) -> None:
    (cloth,) = intent.things
    planner.acquire(cloth)
    for place in intent.places:
        planner.reach(place)
        planner.do(Verb.WIPE, place=place)
        planner.expect(Verb.WIPE, None, place)
    planner.do(Verb.PUT_DOWN, cloth)


def _from_person(planner: Planner, intent: Intent) -> None:
    if intent.person is None:
        raise ValueError("somebody must hand the thing over")
    for thing in intent.things:
        planner.acquire(thing, intent.person)
        planner.expect("held", thing)


def _meet(planner: Planner, intent: Intent) -> None:
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


def _count(planner: Planner, intent: Intent) -> None:
    place, (thing,) = intent.source, intent.things
    if place is None:
        raise ValueError("counting needs a place")
    planner.reach(place)
    planner.emit(Step(Verb.COUNT, (thing,), place, intent.source_rel))
    planner.emit(Step(Verb.REPORT))
    planner.expect(Verb.COUNT, thing)


def _if_else(planner: Planner, intent: Intent) -> None:
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


def _set(planner: Planner, intent: Intent) -> None:
    (device,) = intent.things
    planner.reach(device)
    planner.emit(Step(Verb.SET, (device,), note=intent.note))
    planner.expect(Verb.SET, device)


def _switch_group(verb: Verb) -> Callable[[Planner, Intent], None]:
    """All devices of a kind are searched; a single one is walked to."""
    single = _switch(verb)

    def expand(planner: Planner, intent: Intent) -> None:
        if not intent.things[0].group:
            single(planner, intent)
            return
        planner.do(Verb.FIND, *intent.things)
        planner.do(verb, *intent.things)
        planner.expect(verb, intent.things[0])

    return expand


def _if_battery(planner: Planner, intent: Intent) -> None:
    planner.emit(Step(Verb.CHECK, note="battery"))
    planner.reach(intent.places[0])
    planner.emit(Step(Verb.CHARGE, note=intent.note))
    planner.expect(Verb.CHARGE)


EXPANSIONS: Final[dict[str, Callable[[Planner, Intent], None]]] = {
    "move": _move,
    "distribute": _distribute,
    "deliver": _deliver,
    "fetch": _deliver,
    "heat": _treat(Verb.HEAT),
    "cool": _treat(Verb.COOL),
    "wash": _treat(Verb.WASH),
    "slice": _treat(Verb.SLICE),
    "fill": _fill,
    "pour": _pour,
    "stack": _move,
    "instead": _move,
    "load": _move,
    "collect": _collect,
    "share": _share,
    "lamp": _lamp,
    "wipe.with": _wipe_with,
    "collect.person": _from_person,
    "meet.guide": _meet,
    "meet.follow": _meet,
    "count": _count,
    "if.else": _if_else,
    "set": _set,
    "on": _switch_group(Verb.ON),
    "off": _switch_group(Verb.OFF),
    "open": _switch(Verb.OPEN),
    "close": _switch(Verb.CLOSE),
    "lock": _switch(Verb.LOCK),
    "unlock": _switch(Verb.UNLOCK),
    "go": _tour(),
    "visit": _tour(),
    "patrol": _tour(Verb.CHECK),
    "inspect": _tour(Verb.CHECK),
    "inspect.report": _tour(Verb.CHECK, report=True),
    "sweep": _tour(Verb.SWEEP),
    "mop": _tour(Verb.MOP),
    "vacuum": _tour(Verb.VACUUM),
    "wipe": _tour(Verb.WIPE),
    "clean": _tour(Verb.CLEAN),
    "tidy": _tour(Verb.TIDY),
    "disinfect": _tour(Verb.DISINFECT),
    "photo": _tour(Verb.PHOTO),
    "find": _find,
    "pick": _pick,
    "discard": _discard,
    "guide": _guide,
    "follow": _follow,
    "wait": _wait,
    "charge": _charge,
    "say": _speak(Verb.SAY),
    "ask": _speak(Verb.ASK),
    "act": _act,
    "nest": _nest,
    "if.open": _if_state(Verb.CLOSE),
    "if.closed": _if_state(Verb.OPEN),
    "if.on": _if_state(Verb.OFF),
    "if.off": _if_state(Verb.ON),
    "if.present": _if_present,
    "if.battery": _if_battery,
}
