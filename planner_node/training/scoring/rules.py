"""What each action needs, and what it does to the world."""

from collections.abc import Callable
from typing import Final

from planner_node.training.scoring.frames import Action
from planner_node.training.scoring.terms import OPPOSITES, STATES, Role, Verb
from planner_node.training.scoring.world import Violation, World, put

HANDS: Final = 2
_HANDED: Final = frozenset({Verb.PLACE, Verb.GIVE, Verb.MOVE, Verb.CARRY})
_LEADING: Final = frozenset({Verb.PICK, Verb.CARRY, Verb.MOVE})  # of a person: to guide

_Rule = Callable[[World, Action, tuple[str, ...]], str]


def do(world: World, action: Action, step: int) -> None:
    """Run one action of the step; a violation is noted and has no effect."""
    world.step = step
    objects = _objects(world, action)
    people = objects and all(world.entities[o].role is Role.PERSON for o in objects)
    verb = Verb.GUIDE if people and action.verb in _LEADING else action.verb
    if why := _RULES[verb](world, action, objects):
        world.violations.append(Violation(step, action, why))
    named = action.objects or ((action.destination,) if action.destination else ())
    world.last = named or world.last


def _objects(world: World, action: Action) -> tuple[str, ...]:
    """Return what the action is done to: a pronoun is what is held, or the last thing named."""
    if action.objects or not (action.pronoun or action.verb in _HANDED):
        return action.objects
    return tuple(world.held) if action.verb in _HANDED else world.last


def _find(world: World, action: Action, objects: tuple[str, ...]) -> str:
    near: set[str] = set()
    for target in (*filter(None, [action.source, action.destination]), *objects):
        world.go(target)
        near |= world.near if target in objects else set()
        world.happened(Verb.FIND, target)
    world.near |= near
    return "" if objects or action.destination else "nothing to find"


def _go(world: World, action: Action, objects: tuple[str, ...]) -> str:
    target = action.destination or next(iter(objects), "") or action.source
    if not target:
        return "nowhere to go"
    world.go(target)
    return ""


def _pick(world: World, action: Action, objects: tuple[str, ...]) -> str:
    if not objects:
        return "nothing to pick"
    if action.source and not world.is_at(action.source):
        return f"not at {action.source}"
    for thing in objects:
        if why := _pick_one(world, thing):
            return why
    return ""


def _pick_one(world: World, thing: str) -> str:
    group = world.entities[thing].count != 1
    if not (world.reaches(thing) or world.has_left(thing)):
        return f"{thing} is not within reach"
    if thing in world.held and not group:
        return f"{thing} is held already"
    if thing not in world.held and len(world.held) >= HANDS:
        return "no free hand"
    if thing not in world.held:
        world.held.append(thing)
    world.location[thing] = "@robot"
    world.happened(Verb.PICK, thing)
    return ""


def _carry(world: World, action: Action, objects: tuple[str, ...]) -> str:
    if not objects or not set(objects) <= set(world.held):
        return f"{'、'.join(objects) or 'nothing'} is not held"
    target = action.destination
    if not target:
        return ""  # "帶著 X": the frame that follows goes somewhere
    if action.verb is Verb.MOVE and world.is_at(target):
        return _place(world, action, objects)
    world.go(target)
    for thing in objects:
        world.happened(action.verb, thing, target)
        if action.verb is Verb.MOVE and world.entities[target].role is Role.PERSON:
            put(world, thing, target)
    return ""


def _place(world: World, action: Action, objects: tuple[str, ...]) -> str:
    target = action.destination or world.at
    if not objects or not set(objects) <= set(world.held):
        return f"{'、'.join(objects) or 'nothing'} is not held"
    if not target:
        return "nowhere to put it"
    if action.destination and not (world.is_at(target) or world.reaches(target)):
        return f"not at {target}"
    for thing in objects:
        if thing == target:
            return f"{thing} cannot be put into itself"
        put(world, thing, target)
    return ""


def _change(world: World, action: Action, objects: tuple[str, ...]) -> str:
    verb = action.verb
    targets = objects or tuple(filter(None, [action.destination, action.source]))
    if verb is Verb.FILL and action.destination:  # pouring something into it
        targets = (action.destination,)
    # A tool may be named beside what it is used on.
    targets = tuple(t for t in targets if not world.entities[t].tool) or targets
    if not targets:
        return "nothing to act on"
    if not all(world.reaches(target) or _is_at_hand(world, target) for target in targets):
        return f"{'、'.join(targets)} is not within reach"
    for target in targets:
        meant = _meant(world, verb, target)
        world.states.discard((target, OPPOSITES.get(meant, meant)))
        world.states.add((target, meant))
        world.happened(meant, target)
    return ""


def _is_at_hand(world: World, target: str) -> bool:
    """Whether it is a tool like the tap, which is wherever it is used; a stove has a place."""
    entity = world.entities[target]
    return entity.tool and entity.role is Role.OBJECT


def _meant(world: World, verb: Verb, target: str) -> Verb:
    """Read 打開 of a lamp as ON, and 關掉 of a door as CLOSE."""
    if target in world.switched:
        return {Verb.OPEN: Verb.ON, Verb.CLOSE: Verb.OFF}.get(verb, verb)
    if target in world.hinged:
        return {Verb.ON: Verb.OPEN, Verb.OFF: Verb.CLOSE}.get(verb, verb)
    return verb


def _note(world: World, action: Action, objects: tuple[str, ...]) -> str:
    targets = (*objects, *filter(None, [action.destination, action.source]))
    for target in targets or ("",):
        world.happened(action.verb, target)
    return ""


def _charge(world: World, action: Action, objects: tuple[str, ...]) -> str:
    for station in (*objects, *filter(None, [action.destination])):
        world.go(station)
    world.happened(Verb.CHARGE)
    return ""


def _patrol(world: World, action: Action, objects: tuple[str, ...]) -> str:
    targets = (*objects, *filter(None, [action.destination]))
    for target in targets:
        world.go(target)
        world.happened(Verb.CHECK, target)
    return "" if targets else "nowhere to patrol"


def _follow(world: World, _action: Action, objects: tuple[str, ...]) -> str:
    people = [o for o in objects if world.entities[o].role is Role.PERSON]
    if not all(world.reaches(person) for person in people):
        return f"{'、'.join(people)} is not within reach"
    world.companions |= set(people)
    for person in people:
        world.happened(Verb.FOLLOW, person)
    return "" if people else "nobody to follow"


def _guide(world: World, action: Action, objects: tuple[str, ...]) -> str:
    if not objects or not all(world.reaches(person) for person in objects):
        return f"{'、'.join(objects) or 'nobody'} is not within reach"
    world.companions |= {o for o in objects if world.entities[o].role is Role.PERSON}
    for person in objects:
        world.happened(Verb.FOLLOW, person)
    if action.destination:
        world.go(action.destination)
        world.companions.clear()
    return ""


_RULES: Final[dict[Verb, _Rule]] = {
    Verb.FIND: _find,
    Verb.GO: _go,
    Verb.PICK: _pick,
    Verb.CARRY: _carry,
    Verb.MOVE: _carry,
    Verb.PLACE: _place,
    Verb.GIVE: _place,
    Verb.CHECK: _note,
    Verb.REPORT: _note,
    Verb.WAIT: _note,
    Verb.CHARGE: _charge,
    Verb.PATROL: _patrol,
    Verb.FOLLOW: _follow,
    Verb.GUIDE: _guide,
    **dict.fromkeys(STATES, _change),
}
