"""What a plan does beyond the instruction, or against it."""

from typing import Final

from planner_node.training.scoring import goals
from planner_node.training.scoring.parsing import ParsedStep, involved
from planner_node.training.scoring.records import Record
from planner_node.training.scoring.terms import (
    GROUNDED,
    OPPOSITES,
    STATES,
    TOUCHING,
    GoalKind,
    Role,
    Verb,
)
from planner_node.training.scoring.world import Event, World

_FINAL: Final = STATES | {Verb.PLACE, Verb.GIVE}
_ASKED_FOR: Final = STATES | {Verb.CHARGE, Verb.GUIDE}
_LIDS: Final = frozenset({Verb.OPEN, Verb.CLOSE})
_SWITCHES: Final = _LIDS | {Verb.ON, Verb.OFF}
_PLAIN: Final = {GoalKind.GUIDED: Verb.GUIDE}
# What a machine of the instruction may be used for: the washer is turned on to wash.
_MADE: Final = STATES - _SWITCHES


def forbidden(record: Record, world: World) -> list[str]:
    """List what was, or was to be, done against the instruction's word."""
    touched = {e.entity_id for e in world.events if e.verb in TOUCHING}
    tried = {o for v in world.violations if v.action.verb in TOUCHING for o in v.action.objects}
    found = sorted((touched | tried) & record.untouchable)
    found += [p.verb for p in record.forbidden if goals.happened(world, p)]
    return found + [e.target for e in world.events if e.target in record.forbidden_places]


def unrequested(record: Record, world: World) -> list[str]:
    """List what was moved, changed, led about or charged although nobody asked for it."""
    moved = {e.entity_id for e in world.events if e.target and e.verb in TOUCHING}
    movable = {goal.subject for goal in record.goals} | _tools(record)
    done = [
        f"{e.verb} {e.entity_id}".strip()
        for number, e in enumerate(world.events)
        if e.verb in _ASKED_FOR and not _asked(record, e.verb, e.entity_id)
        if not _excused(record, e, world.events[:number], world.events[number:])
    ]
    return sorted(moved - movable) + list(dict.fromkeys(done))


def _tools(record: Record) -> set[str]:
    return {e.entity_id for e in record.entities if e.tool}


def _asked(record: Record, verb: Verb, entity_id: str) -> bool:
    """Whether the instruction asks for that, or it is on the way to what it asks for."""
    wanted = {(g.verb or _PLAIN.get(g.kind), g.subject) for g in record.goals}
    wanted |= {(Verb.GUIDE, name) for asked, name in wanted if asked is Verb.FOLLOW}
    wanted |= {(event.verb, event.entity_id) for chain in record.order for event in chain}
    if (verb, entity_id) in wanted:
        return True
    return bool(entity_id) and verb in _SWITCHES and _on_the_way(record, verb, entity_id, wanted)


def _on_the_way(
    record: Record, verb: Verb, entity_id: str, wanted: set[tuple[Verb | None, str]]
) -> bool:
    """Whether a tool or machine is used, or a place, a lid or a door opened or shut."""
    entity = record.entity(entity_id)
    if entity.tool or entity.affords is not None:
        return True
    place = entity.role is Role.PLACE
    holds = {*record.init.values(), *(goal.target for goal in record.goals)}
    if verb in _LIDS:
        lids = {name for asked, name in wanted if asked in _LIDS | {Verb.FILL}}
        return place or entity_id in holds | lids
    return place and verb is Verb.ON and any(asked in _MADE for asked, _ in wanted)


def _excused(record: Record, event: Event, before: list[Event], after: list[Event]) -> bool:
    """Whether what is on goes off, or off and on again, or contents are named beside a vessel."""
    if event.verb is Verb.FILL:  # 「將杯子裝滿牛奶」
        step = [e for e in (*before, *after) if e.step == event.step and e.verb is Verb.FILL]
        return any(_asked(record, Verb.FILL, e.entity_id) for e in step)
    restarted = after if _asked(record, Verb.ON, event.entity_id) else []
    turned_on = [e for e in (*before, *restarted) if e.verb is Verb.ON]
    return event.verb is Verb.OFF and any(e.entity_id == event.entity_id for e in turned_on)


def described_besides(record: Record, step: ParsedStep) -> list[str]:
    """List what the description has the robot do that the title does not."""
    named = set(step.mentioned) | involved(step.actions)
    named |= {place for thing, place in record.init.items() if thing in named}
    named |= {thing for thing, place in record.init.items() if place in named}
    told = [a for a in step.described if a.verb in GROUNDED]
    besides = sorted(involved(told) - named - _tools(record))
    titled = {_sense(action.verb) for action in step.actions}
    for action in told:
        changes = action.verb in STATES and bool(involved([action]) - _tools(record))
        if changes and Verb.CHECK not in titled and _sense(action.verb) not in titled:
            besides.append(action.verb)
    return besides


def _sense(verb: Verb) -> Verb:
    return {Verb.ON: Verb.OPEN, Verb.OFF: Verb.CLOSE}.get(verb, verb)


def repeated(record: Record, world: World, steps: list[ParsedStep]) -> list[str]:
    """List steps that say the one before them again, and deeds that were done already."""
    groups = {e.entity_id for e in record.entities if e.count != 1}
    again = [str(i + 2) for i in range(len(steps) - 1) if _repeats(groups, steps[i], steps[i + 1])]
    return again + _done_again(groups, world)


def _done_again(groups: set[str], world: World) -> list[str]:
    """List what was put where it had been put before, or brought into a state a second time."""
    done: set[tuple[str, str]] = set()
    again: list[str] = []
    for event in world.events:
        if event.verb not in _FINAL or event.entity_id in groups:
            continue
        done.discard((event.entity_id, OPPOSITES.get(event.verb, "")))
        deed = (event.entity_id, event.target or event.verb)
        again += [" ".join(deed)] if deed in done else []
        done.add(deed)
    return again


def _repeats(groups: set[str], before: ParsedStep, after: ParsedStep) -> bool:
    single = not groups & (before.mentioned | after.mentioned)
    return bool(before.actions) and before.actions == after.actions and single
