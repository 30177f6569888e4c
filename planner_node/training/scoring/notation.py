"""Reads the terse notation of the test set (its README explains it) into records."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from planner_node.training.scoring.allowances import USER, allowed_tools, effect_of, user
from planner_node.training.scoring.records import ALL, Entity, EventPattern, Goal, Record
from planner_node.training.scoring.terms import (
    STATES,
    AnswerKind,
    GoalKind,
    Language,
    Role,
    Verb,
)

FIELDS: Final = frozenset(
    {
        "id",
        "say",
        "goal",
        "order",
        "init",
        "names",
        "known",
        "need",
        "avoid",
        "avoid_act",
        "avoid_place",
        "codes",
    }
)
_COUNT: Final = re.compile(r"^x(\d+|\*) (.+)$")
_ORDER_VERBS: Final = {"put": Verb.PLACE, "pick": Verb.PICK, "visit": Verb.GO, "wait": Verb.WAIT}
_SPEAKERS: Final = frozenset({"我", "me"})
_KINDS: Final = {"ask": AnswerKind.ASK, "decline": AnswerKind.DECLINE}


@dataclass(slots=True)
class _Cast:
    """The entities met so far, with the strongest role that each has played."""

    roles: dict[str, Role] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    optional: set[str] = field(default_factory=set)

    def meet(self, name: str, role: Role) -> str:
        name = name.strip()
        if name in _SPEAKERS:
            return USER
        if (found := _COUNT.match(name)) is not None:
            name = found[2].strip()
            self.counts[name] = ALL if found[1] == "*" else int(found[1])
        strongest = [Role.OBJECT, Role.PERSON, Role.DEVICE, Role.PLACE]
        held = self.roles.get(name, Role.PLACE)
        self.roles[name] = min(held, role, key=strongest.index)
        return name


def read_record(row: Mapping[str, object], category: str, language: Language) -> Record:
    """Read one record; ValueError with its id says what is wrong with it."""
    if unknown := set(row) - FIELDS:
        raise ValueError(f"{row.get('id')}: unknown fields {sorted(unknown)}")
    kind = _KINDS.get(category, AnswerKind.PLAN)
    try:
        return _read(row, category, language, kind)
    except (KeyError, ValueError) as exc:
        raise ValueError(f"{row.get('id')}: {exc}") from exc


def _read(row: Mapping[str, object], category: str, language: Language, kind: AnswerKind) -> Record:
    cast = _Cast()
    goals = tuple(_goal(part, cast) for part in _parts(row, "goal"))
    init = dict(_init(part, cast) for part in _parts(row, "init"))
    for name in _parts(row, "need"):
        cast.meet(name, Role.PLACE)
    for key, role in (("known", Role.PLACE), ("avoid", Role.OBJECT), ("avoid_place", Role.PLACE)):
        cast.optional |= {cast.meet(name, role) for name in _parts(row, key)}
    forbidden = tuple(_event(part, cast) for part in _parts(row, "avoid_act"))
    order = tuple(
        tuple(_event(step, cast) for step in part.split(" < ")) for part in _parts(row, "order")
    )
    charging = any(goal.verb is Verb.CHARGE for goal in goals)
    for station in _parts(row, "need") if charging else []:
        order += ((EventPattern(Verb.GO, station), EventPattern(Verb.CHARGE)),)
    return Record(
        record_id=str(row["id"]),
        language=language,
        category=category,
        kind=kind,
        instruction=str(row["say"]),
        entities=_entities(cast, row.get("names"), goals, language),
        goals=goals,
        order=order,
        init=init,
        untouchable=frozenset(_parts(row, "avoid")),
        forbidden=forbidden,
        forbidden_places=frozenset(_parts(row, "avoid_place")),
        codes=frozenset(str(row.get("codes", "")).split("|")) - {""},
    )


def _parts(row: Mapping[str, object], key: str) -> list[str]:
    return [part.strip() for part in str(row.get(key, "")).split(";") if part.strip()]


def _goal(part: str, cast: _Cast) -> Goal:
    word, _, rest = part.partition(" ")
    if word == "GUIDE":
        person, place = rest.split(" @ ")
        return Goal(GoalKind.GUIDED, cast.meet(person, Role.PERSON), cast.meet(place, Role.PLACE))
    if " -> " in part:
        thing, person = part.split(" -> ")
        target = cast.meet(person, Role.PERSON)
        return Goal(GoalKind.AT, cast.meet(thing, Role.OBJECT), target)
    if " @ " in part:
        thing, place = part.split(" @ ")
        return Goal(GoalKind.AT, cast.meet(thing, Role.OBJECT), cast.meet(place, Role.PLACE))
    return _simple_goal(word, rest, cast)


def _simple_goal(word: str, rest: str, cast: _Cast) -> Goal:
    if word == "IF":
        return Goal(GoalKind.CONDITION)
    if word == "VISIT":
        return Goal(GoalKind.VISITED, cast.meet(rest, Role.PLACE))
    if word == "GO":
        return Goal(GoalKind.ROBOT_AT, cast.meet(rest, Role.PLACE))
    verb = Verb(word)
    kind = GoalKind.STATE if verb in STATES else GoalKind.DID
    role = Role.PERSON if verb is Verb.FOLLOW else Role.DEVICE
    return Goal(kind, cast.meet(rest, role) if rest else "", verb=verb)


def _init(part: str, cast: _Cast) -> tuple[str, str]:
    thing, place = part.split(" < ")
    return cast.meet(thing, Role.DEVICE), cast.meet(place, Role.PLACE)


def _event(part: str, cast: _Cast) -> EventPattern:
    word, _, name = part.strip().partition(" ")
    verb = _ORDER_VERBS[word] if word in _ORDER_VERBS else Verb(word)
    return EventPattern(verb, cast.meet(name, Role.PLACE) if name else "")


def _entities(
    cast: _Cast, names: object, goals: tuple[Goal, ...], language: Language
) -> tuple[Entity, ...]:
    extra: dict[str, str] = dict(names) if isinstance(names, dict) else {}
    if strangers := set(extra) - set(cast.roles):
        raise ValueError(f"names of entities that play no part: {sorted(strangers)}")
    spoken = [
        Entity(
            entity_id=name,
            role=role,
            names=(name, *(n for n in str(extra.get(name, "")).split("|") if n)),
            required=name not in cast.optional,
            count=cast.counts.get(name, 1),
        )
        for name, role in cast.roles.items()
    ]
    verbs = {goal.verb for goal in goals if goal.verb is not None}
    spoken = [replace(e, affords=effect_of(e.names, verbs, language)) for e in spoken]
    taken = {alias for entity in spoken for alias in entity.names}
    return (*spoken, *allowed_tools(verbs, language, taken), user(language))
