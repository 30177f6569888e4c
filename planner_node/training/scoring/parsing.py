"""Reads one subtask: its title is what is done, its description says no other thing."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from planner_node.training.scoring.frames import Action
from planner_node.training.scoring.lexicon import Token, TokenKind, listed
from planner_node.training.scoring.reading import Reading, read
from planner_node.training.scoring.records import Record
from planner_node.training.scoring.spotting import tokens
from planner_node.training.scoring.terms import GROUNDED, Verb

_NO_CARDINALS: Final = frozenset(
    ["second", "third", "fourth", "fifth", "sixth", "twice", "another"]
)
_BETWEEN: Final = frozenset({"個", "的", "of", "the"})  # a number and its name
_HANDED: Final = frozenset({Verb.PLACE, Verb.GIVE, Verb.CARRY, Verb.MOVE})


@dataclass(frozen=True, slots=True)
class ParsedStep:
    """One subtask, read."""

    actions: tuple[Action, ...]
    mentioned: frozenset[str]  # by the title, or by the description where it fills the title
    unknown: tuple[str, ...] = ()
    described: tuple[Action, ...] = ()  # what the description has the robot do
    numbers: frozenset[int] = frozenset()
    amounts: frozenset[tuple[str, int]] = frozenset()  # "two cups"
    many: bool = False
    conditional: bool = False  # what it tells depends on something, or has a purpose
    asking: bool = False  # whether something is so


def parse_step(title: str, description: str, record: Record) -> ParsedStep:
    """Read one subtask; the description fills what the title leaves empty."""
    titled, told = tokens(title, record), tokens(description, record)
    first, second = read(titled, record), read(told, record, describes=True)
    actions = tuple(_filled(action, second) for action in first.actions)
    fresh = set(actions) - set(first.actions)
    words = [*titled, *told]
    return ParsedStep(
        actions=actions,
        mentioned=frozenset({w.entity_id for w in titled if w.entity_id} | involved(fresh)),
        unknown=tuple(dict.fromkeys((*first.unknown, *second.unknown))),
        described=second.actions,
        numbers=frozenset(t.number for t in words if t.kind is TokenKind.NUMBER),
        amounts=frozenset((*_amounts(titled), *_amounts(told))),
        many=any(t.kind is TokenKind.MANY for t in words),
        conditional=any(t.kind is TokenKind.CONDITION for t in words),
        asking=_asks(titled, told, record),
    )


def involved(actions: Iterable[Action]) -> set[str]:
    """Return the entities that play a part in any of the actions."""
    named = [name for a in actions for name in (*a.objects, a.destination, a.source)]
    return set(filter(None, named))


def _filled(action: Action, told: Reading) -> Action:
    """Fill an action with what the same verb of the description holds."""
    same = next((a for a in told.actions if a.verb is action.verb), None)
    if same is None:
        return action
    empty = action.verb in GROUNDED and not involved([action]) and not action.pronoun
    if empty:
        return same
    if action.verb in _HANDED and not action.destination:  # 「放下杯子」
        return replace(action, destination=same.destination)
    return action


def _asks(titled: list[Token], told: list[Token], record: Record) -> bool:
    """Whether a condition is kept; a "when" in a description mostly tells of a time."""
    whether = listed(record.language, "WHETHER")
    when = whether | listed(record.language, "WHEN")
    return any(t.text in when for t in titled) or any(t.text in whether for t in told)


def _amounts(words: list[Token]) -> Iterator[tuple[str, int]]:
    """Yield how many of what are spoken of: 「兩個杯子」, but not 「第二個杯子」."""
    number = 0
    before: Token | None = None
    for token in words:
        if token.kind is TokenKind.NUMBER:
            ordinal = before is not None and before.kind is TokenKind.COUNTED
            number = 0 if ordinal or token.text in _NO_CARDINALS else token.number
        elif token.kind is TokenKind.ENTITY and number:
            yield token.entity_id, number
            number = 0
        elif token.kind is not TokenKind.CLASSIFIER and token.text not in _BETWEEN:
            number = 0
        before = token
