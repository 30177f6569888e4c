"""The symbolic world in which a plan is run: where things are, what is held, what has happened.

Rule 1: ``rules`` is the only way to change it: an action without its precondition changes nothing.
Rule 2: a thing starts at its ``init`` place, or at a private place that only finding it reveals.
Rule 3: two hands; a group ("three cups") takes one, and what is left of it lies where it was.
"""

from dataclasses import dataclass, field

from planner_node.training.scoring.allowances import USER
from planner_node.training.scoring.frames import Action
from planner_node.training.scoring.records import Entity, Record
from planner_node.training.scoring.terms import Role, Verb


@dataclass(frozen=True, slots=True)
class Event:
    """What happened: an action that took effect."""

    step: int
    verb: Verb
    entity_id: str = ""
    target: str = ""


@dataclass(frozen=True, slots=True)
class Violation:
    """An action whose precondition did not hold."""

    step: int
    action: Action
    why: str


@dataclass(slots=True)
class World:
    """The state while a plan runs."""

    entities: dict[str, Entity]
    location: dict[str, str]
    home: dict[str, str] = field(default_factory=dict)  # where each thing was at first
    switched: frozenset[str] = frozenset()  # 打開 and 關 of these mean on and off
    hinged: frozenset[str] = frozenset()  # 關掉 of these means closed
    at: str = ""
    near: set[str] = field(default_factory=set)
    held: list[str] = field(default_factory=list)
    states: set[tuple[str, Verb]] = field(default_factory=set)
    companions: set[str] = field(default_factory=set)
    events: list[Event] = field(default_factory=list)
    violations: list[Violation] = field(default_factory=list)
    last: tuple[str, ...] = ()
    step: int = 0

    def chain(self, entity_id: str) -> list[str]:
        """Return the entity and every place that it is in, innermost first."""
        places = [entity_id]
        while (outer := self.location.get(places[-1], "")) and outer not in places:
            places.append(outer)
        return places

    def is_at(self, place: str) -> bool:
        """Whether the robot is at that place, or at something inside it."""
        return place in self.chain(self.at) or place in self.near

    def reaches(self, entity_id: str) -> bool:
        """Whether the robot can act on the entity from where it stands."""
        if entity_id in self.held or entity_id in self.near or entity_id == USER:
            return True
        return bool(self.at) and self.at in self.chain(entity_id)

    def has_left(self, entity_id: str) -> bool:
        """Whether the robot stands where some of a counted group still lie."""
        home, count = self.home.get(entity_id, ""), self.entities[entity_id].count
        taken = sum(e.verb is Verb.PICK and e.entity_id == entity_id for e in self.events)
        return taken < count and bool(home) and self.is_at(home)

    def happened(self, verb: Verb, entity_id: str = "", target: str = "") -> None:
        """Write an event into the log."""
        self.events.append(Event(self.step, verb, entity_id, target))

    def go(self, target: str) -> None:
        """Move the robot to a place, or to where a thing or person is."""
        if target in self.held:
            return
        movable = self.entities[target].role in {Role.OBJECT, Role.PERSON}
        self.at = self.location[target] if movable else target
        self.near = {target}
        for place in self.chain(target):
            self.happened(Verb.GO, place)
            for person in self.companions - {target}:
                self.happened(Verb.GUIDE, person, place)
        for person in self.companions - {target}:
            self.location[person] = self.at


def new_world(record: Record) -> World:
    """Return the world as the instruction finds it."""
    location = {
        e.entity_id: f"@{e.entity_id}"
        for e in record.entities
        if e.role in {Role.OBJECT, Role.PERSON}
    }
    goals = {(g.subject, g.verb) for g in record.goals}
    switched = {s for s, v in goals if v in {Verb.ON, Verb.OFF}}
    hinged = {s for s, v in goals if v in {Verb.OPEN, Verb.CLOSE}}
    return World(
        entities={e.entity_id: e for e in record.entities},
        location=location | dict(record.init),
        home=dict(record.init),
        switched=frozenset(switched - hinged),
        hinged=frozenset(hinged - switched),
    )


def put(world: World, thing: str, target: str) -> None:
    """Let go of a held thing there; an oven heats it, a fridge cools it."""
    world.held.remove(thing)
    world.location[thing] = target
    world.near.add(thing)
    place = world.entities.get(target)
    given = place is not None and place.role is Role.PERSON
    world.happened(Verb.GIVE if given else Verb.PLACE, thing, target)
    if place is not None and place.affords is not None:
        world.states.add((thing, place.affords))
