"""Whether a run reached the goals of its record, in the quantity and order that was asked."""

from itertools import pairwise
from typing import Final

from planner_node.training.scoring.parsing import ParsedStep
from planner_node.training.scoring.records import ALL, Entity, EventPattern, Goal, Record
from planner_node.training.scoring.spotting import tokens
from planner_node.training.scoring.terms import GoalKind, Role, Verb
from planner_node.training.scoring.world import Event, World, put

_PUTTING: Final = frozenset({Verb.PLACE, Verb.GIVE})
MANY: Final = 3  # how many "all the cups" are taken for, where a length must be bounded


def deliver_at_the_end(world: World) -> None:
    """Let a last 「送到 P」 leave there what was carried; carrying to a person hands it over."""
    for thing in list(world.held):
        carried = [e for e in world.events if e.entity_id == thing and e.target]
        if not carried or not world.is_at(carried[-1].target):
            continue
        last = carried[-1]
        person = world.entities[last.target].role is Role.PERSON
        if last.verb is Verb.MOVE or (last.verb is Verb.CARRY and person):
            put(world, thing, last.target)


def reached(goal: Goal, world: World, steps: list[ParsedStep]) -> bool:
    """Whether one goal holds at the end (its quantity is asked about apart)."""
    match goal.kind:
        case GoalKind.AT:
            return goal.target in world.chain(goal.subject)[1:]
        case GoalKind.STATE:
            return (goal.subject, goal.verb) in world.states
        case GoalKind.VISITED:
            return happened(world, EventPattern(Verb.GO, goal.subject))
        case GoalKind.ROBOT_AT:
            return world.is_at(goal.subject)
        case GoalKind.GUIDED:
            return happened(world, EventPattern(Verb.GUIDE, goal.subject), goal.target)
        case GoalKind.CONDITION:
            return any(s.asking for s in steps) or happened(world, EventPattern(Verb.CHECK))
        case GoalKind.DID:
            verb = goal.verb or Verb.CHECK
            return happened(world, EventPattern(verb, goal.subject))


def happened(world: World, pattern: EventPattern, target: str = "") -> bool:
    """Whether an event of that pattern (and target, where given) is in the log."""
    return any(_fits(e, pattern) and target in {"", e.target} for e in world.events)


def _fits(event: Event, pattern: EventPattern) -> bool:
    verbs = _PUTTING if pattern.verb is Verb.PLACE else {pattern.verb}
    return event.verb in verbs and pattern.entity_id in {"", event.entity_id}


def kept_order(record: Record, world: World) -> tuple[int, int]:
    """Return how many pairs of the asked order were kept, and how many there are.

    A pair is kept when the first event happened before the other happened for the last time.
    """
    pairs = [pair for chain in record.order for pair in pairwise(chain)]
    return sum(_kept(a, b, world) for a, b in pairs), len(pairs)


def _kept(before: EventPattern, after: EventPattern, world: World) -> bool:
    first = [i for i, e in enumerate(world.events) if _fits(e, before)]
    last = [i for i, e in enumerate(world.events) if _fits(e, after)]
    return bool(first and last) and first[0] < last[-1]


def lost_quantities(record: Record, world: World, steps: list[ParsedStep]) -> list[str]:
    """Return what the plan neither says the number of nor moves that many, or says too many of."""
    groups = [e for e in record.entities if e.count != 1 and e.required]
    lost = [e.entity_id for e in groups if not _counted(e, world, steps)]
    return lost + _too_many(record, steps)


def _too_many(record: Record, steps: list[ParsedStep]) -> list[str]:
    """Return of what a step speaks of more than the instruction does."""
    asked = {t.number for t in tokens(record.instruction, record)}
    counts = {e.entity_id: e.count for e in record.entities}
    return [
        f"{amount} {name}"
        for step in steps
        for name, amount in sorted(step.amounts)
        if amount > counts[name] != ALL and amount not in asked
    ]


def _counted(entity: Entity, world: World, steps: list[ParsedStep]) -> bool:
    about = [s for s in steps if entity.entity_id in s.mentioned]
    picks = sum(_fits(e, EventPattern(Verb.PICK, entity.entity_id)) for e in world.events)
    if entity.count == ALL:
        return picks > 1 or any(s.many for s in about)
    said = any(entity.count in s.numbers or s.many for s in about)
    return said or picks == entity.count


def shortest_length(record: Record) -> int:
    """Return the fewest steps that could do it: two an object, one a destination or other goal."""
    moved = {g.subject for g in record.goals if g.kind is GoalKind.AT}
    destinations = {g.target for g in record.goals if g.kind is GoalKind.AT}
    others = [g for g in record.goals if g.kind is not GoalKind.AT]
    weights = [record.entity(thing).count for thing in moved]
    things = sum(MANY if count == ALL else count for count in weights)
    return 2 * things + len(destinations) + len(others)
