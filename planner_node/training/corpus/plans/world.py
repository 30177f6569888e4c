"""A symbolic world in which a plan either works or breaks a precondition.

The robot knows one place at a time, a small set of things near it and two hands. A thing that
was never placed lies at a private unknown place, written ``@name``, until it is found.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

HANDS: Final = 2
"""How many things the robot carries at once, as in the seed's example of knife and cup."""


class Verb(StrEnum):
    """What one subtask does."""

    FIND = "FIND"
    GO = "GO"
    PICK = "PICK"
    PLACE = "PLACE"
    PUT_DOWN = "PUT_DOWN"
    GIVE = "GIVE"
    DISCARD = "DISCARD"
    OPEN = "OPEN"
    CLOSE = "CLOSE"
    ON = "ON"
    OFF = "OFF"
    LOCK = "LOCK"
    UNLOCK = "UNLOCK"
    WASH = "WASH"
    HEAT = "HEAT"
    COOL = "COOL"
    SLICE = "SLICE"
    FILL = "FILL"
    POUR = "POUR"
    CHECK = "CHECK"
    REPORT = "REPORT"
    SAY = "SAY"
    ASK = "ASK"
    WAIT = "WAIT"
    FOLLOW = "FOLLOW"
    GUIDE = "GUIDE"
    CHARGE = "CHARGE"
    SWEEP = "SWEEP"
    MOP = "MOP"
    VACUUM = "VACUUM"
    WIPE = "WIPE"
    CLEAN = "CLEAN"
    TIDY = "TIDY"
    DISINFECT = "DISINFECT"
    PHOTO = "PHOTO"
    COUNT = "COUNT"
    SET = "SET"
    ACT = "ACT"


class Rel(StrEnum):
    """How a thing lies at its place."""

    ON = "on"
    IN = "in"
    AT = "at"
    BESIDE = "beside"
    UNDER = "under"
    FRONT = "front"
    BEHIND = "behind"


@dataclass(frozen=True, slots=True)
class Name:
    """A thing, place or person as the instruction calls it.

    ``text`` is copied into the plan letter by letter; ``proper`` names take no article.
    """

    text: str
    rel: Rel = Rel.ON
    proper: bool = False
    group: bool = False
    plural: bool = False
    lead: str = ""
    mass: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """One subtask: a verb with the things, place and words it needs.

    ``when`` is the condition under which it is done, ``form`` names another wording of the verb.
    """

    verb: Verb
    things: tuple[Name, ...] = ()
    place: Name | None = None
    rel: Rel = Rel.ON
    note: str = ""
    when: str = ""
    form: str = ""


class Violation(Exception):
    """A step whose precondition does not hold."""


@dataclass(frozen=True, slots=True)
class Goal:
    """A fact that must hold at the end, e.g. ``("at", "cup", "table")``."""

    kind: str
    thing: str
    place: str = ""


AT_PLACE: Final = frozenset(
    {
        Verb.SWEEP,
        Verb.MOP,
        Verb.VACUUM,
        Verb.WIPE,
        Verb.CLEAN,
        Verb.TIDY,
        Verb.DISINFECT,
        Verb.PHOTO,
    }
)
ON_THING: Final = frozenset(
    {
        *(Verb.OPEN, Verb.CLOSE, Verb.ON, Verb.OFF, Verb.LOCK, Verb.UNLOCK),
        *(Verb.WASH, Verb.HEAT, Verb.COOL, Verb.SLICE, Verb.FILL, Verb.FOLLOW, Verb.ACT, Verb.SET),
    }
)


@dataclass(slots=True)
class World:
    """State of one run; :meth:`apply` advances it by a step or raises :class:`Violation`."""

    robot: str = ""
    near: set[str] = field(default_factory=set)
    held: list[str] = field(default_factory=list)
    at: dict[str, str] = field(default_factory=dict)
    facts: set[Goal] = field(default_factory=set)

    def place_of(self, thing: str) -> str:
        return self.at.get(thing, f"@{thing}")

    def reachable(self, thing: str) -> bool:
        """Whether the robot can touch ``thing`` where it stands."""
        here = {self.robot, *self.near, *self.held}
        return thing in here or self.place_of(thing) == self.robot

    def apply(self, step: Step) -> None:
        match step.verb:
            case Verb.FIND:
                self._move_to(self.place_of(step.things[0].text))
                self.near = {step.things[0].text}
            case Verb.GO:
                self._move_to(_place(step))
            case Verb.PICK:
                self._pick(step)
            case Verb.PLACE | Verb.GIVE | Verb.PUT_DOWN | Verb.DISCARD:
                self._release(step)
            case Verb.POUR:
                self._need(step.things[0].text in self.held, step)
                self._need(self.reachable(_place(step)), step)
            case Verb.GUIDE:
                self._need(self.reachable(step.things[0].text), step)
                self._move_to(_place(step))
                self.near = {step.things[0].text}  # who is guided comes along
            case verb if verb in AT_PLACE:
                self._need(self.reachable(_place(step)), step)
            case verb if verb in ON_THING:
                self._need(all(self.reachable(thing.text) for thing in step.things), step)
            case _:
                pass
        self._remember(step)

    def run(self, steps: tuple[Step, ...]) -> None:
        for step in steps:
            self.apply(step)

    def holds(self, goal: Goal) -> bool:
        match goal.kind:
            case "at":
                return goal.thing not in self.held and self.at.get(goal.thing) == goal.place
            case "held":
                return goal.thing in self.held
            case "robot":
                return self.robot == goal.place
            case _:
                return goal in self.facts

    def _move_to(self, place: str) -> None:
        self.robot = place
        self.near = set()

    def _pick(self, step: Step) -> None:
        (thing,) = step.things
        self._need(self.reachable(thing.text), step)
        self._need(thing.text not in self.held and len(self.held) < HANDS, step)
        self.held.append(thing.text)

    def _release(self, step: Step) -> None:
        target = step.place.text if step.place else self.robot
        self._need(self.reachable(target) or target == self.robot, step)
        for thing in step.things:
            self._need(thing.text in self.held, step)
            self.held.remove(thing.text)
            self.at[thing.text] = target
            self.near.add(thing.text)

    def _remember(self, step: Step) -> None:
        place = step.place.text if step.place else ""
        self.facts.add(Goal(step.verb, "", place))
        for thing in step.things:
            self.facts.add(Goal(step.verb, thing.text))

    @staticmethod
    def _need(condition: bool, step: Step) -> None:  # noqa: FBT001  reads as an assertion
        if not condition:
            raise Violation(step)


def _place(step: Step) -> str:
    if step.place is None:
        raise Violation(step)
    return step.place.text
