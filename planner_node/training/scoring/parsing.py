"""Reads one subtask into actions: what is done, to what, from where, to where.

How it works. Punctuation and order words end a frame, each verb opens one; entities before the
first verb, or after an object marker (將, 把), belong to the next verb, all others to the verb
before them. Within a frame a marker (from, to, with) gives the entities after it their role, a
conjunction repeats the role before it, and what stands without a marker is the object if the verb
takes one directly, else the place.
"""

from dataclasses import dataclass
from typing import Final

from planner_node.training.scoring.frames import (
    Action,
    Frame,
    action_of,
    share_objects,
    unknown_words,
)
from planner_node.training.scoring.lexicon import Token, TokenKind
from planner_node.training.scoring.records import Entity, Record
from planner_node.training.scoring.spotting import tokens
from planner_node.training.scoring.terms import DIRECT, GROUNDED, Role, Verb

_MARKERS: Final = frozenset(
    {TokenKind.OBJECT, TokenKind.SOURCE, TokenKind.DESTINATION, TokenKind.INSTRUMENT}
)
_HANDLING: Final = frozenset({Verb.PLACE, Verb.GIVE, Verb.CARRY, Verb.MOVE})
_TOWARDS: Final = ("到", "至", "入", "進", "在", "往", "給", "於")
_SILENT: Final = frozenset(
    {
        TokenKind.STOP,
        TokenKind.CLASSIFIER,
        TokenKind.COUNTED,
        TokenKind.NUMBER,
        TokenKind.MANY,
    }
)


@dataclass(frozen=True, slots=True)
class ParsedStep:
    """One subtask, read."""

    actions: tuple[Action, ...]
    mentioned: frozenset[str]  # by title or description
    unknown: tuple[str, ...] = ()
    numbers: frozenset[int] = frozenset()
    many: bool = False
    conditional: bool = False


def parse_step(title: str, description: str, record: Record) -> ParsedStep:
    """Read one subtask; the description fills what the title leaves empty."""
    titled = tokens(title, record.entities, record.language)
    read = _Reader(record.entities).read(titled)
    told = tokens(description, record.entities, record.language)
    if not read.complete:
        read.complete_from(_Reader(record.entities).read(told))
    words = [*titled, *told]
    return ParsedStep(
        actions=tuple(read.actions),
        mentioned=frozenset(word.entity_id for word in words if word.entity_id),
        unknown=tuple(read.unknown),
        numbers=frozenset(t.number for t in words if t.kind is TokenKind.NUMBER),
        many=any(t.kind is TokenKind.MANY for t in words),
        conditional=any(t.kind is TokenKind.CONDITION for t in words),
    )


@dataclass(slots=True)
class _Reading:
    actions: list[Action]
    unknown: list[str]

    @property
    def complete(self) -> bool:
        return bool(self.actions) and not any(_empty(action) for action in self.actions)

    def complete_from(self, other: "_Reading") -> None:
        """Fill empty slots with what the same verb of the description holds."""
        if not self.actions:
            return
        by_verb = {action.verb: action for action in reversed(other.actions)}
        self.actions = [
            by_verb[a.verb] if _empty(a) and a.verb in by_verb else a for a in self.actions
        ]


def _empty(action: Action) -> bool:
    return action.verb in GROUNDED and not (
        action.objects or action.destination or action.source or action.pronoun
    )


class _Reader:
    """Walks over tokens; holds the frame under way."""

    def __init__(self, entities: tuple[Entity, ...]) -> None:
        self._roles = {entity.entity_id: entity.role for entity in entities}
        self._done: list[Frame] = []
        self._frame = Frame()
        self._marker: TokenKind | None = None
        self._skipping = False
        self._after: TokenKind | None = None  # the last word that was not a stop word

    def read(self, words: list[Token]) -> _Reading:
        for index, token in enumerate(words):
            self._take(token, words[index + 1 :])
        self._close()
        return self._reading()

    def _take(self, token: Token, rest: list[Token]) -> None:
        kind = token.kind
        if kind in _SILENT:
            return
        if kind in {TokenKind.BREAK, TokenKind.CONDITION_END}:
            self._break()
        elif kind in {TokenKind.CONDITION, TokenKind.NEGATION}:
            self._begin_skipping(kind)
        elif kind is TokenKind.ENTITY and self._skipping:
            self._take_condition(token.entity_id)
        elif not self._skipping:
            self._take_word(token, rest)
        self._after = kind

    def _begin_skipping(self, kind: TokenKind) -> None:
        # "若 / if": what follows is looked at, not done; a frame before it stands.
        # "Check whether the door is open" keeps its frame open for the door.
        looks = self._frame.verb is Verb.CHECK and not self._frame.objects
        if self._frame.verb is None:
            self._frame = Frame()
        elif kind is TokenKind.CONDITION and not looks:
            self._close()
        self._skipping = True

    def _take_condition(self, entity_id: str) -> None:
        if self._frame.verb is Verb.CHECK and not self._frame.objects:
            self._frame.objects.append(entity_id)

    def _break(self) -> None:
        self._skipping = False
        self._marker = None
        if self._frame.verb is not None:
            self._close()

    def _take_word(self, token: Token, rest: list[Token]) -> None:
        if token.kind is TokenKind.VERB and token.verb is not None:
            self._take_verb_word(token.text, token.verb)
        elif token.kind is TokenKind.PARTICLE:
            self._take_verb(_particle(rest))
        elif token.kind in _MARKERS:
            self._take_marker(token, rest)
        elif token.kind is TokenKind.ENTITY:
            self._take_entity(token.entity_id)
        elif token.kind is TokenKind.PRONOUN:
            self._frame.pronoun = True
            self._marker = None
        elif token.kind is TokenKind.OTHER:
            self._take_other(token.text)

    def _take_verb_word(self, text: str, verb: Verb) -> None:
        handing = self._frame.verb in {Verb.GIVE, Verb.CARRY, Verb.MOVE}
        if text == "給" and handing and not self._frame.destination:  # 「送咖啡給陳經理」
            self._marker = TokenKind.DESTINATION
            return
        self._take_verb(verb)
        if verb in _HANDLING and text.endswith(_TOWARDS):  # 「放入碗」
            self._marker = TokenKind.DESTINATION

    def _take_verb(self, verb: Verb) -> None:
        if self._frame.verb is None:
            self._frame.verb = verb
        else:
            self._close()
            self._frame = Frame(verb=verb)
        self._marker = None

    def _take_marker(self, token: Token, rest: list[Token]) -> None:
        starts = token.kind is TokenKind.OBJECT or (
            token.kind is TokenKind.SOURCE and len(token.text) == 1
        )
        has_verb = any(t.kind is TokenKind.VERB for t in _until_break(rest))
        if starts and has_verb and self._frame.verb is not None:
            self._close()
        if self._frame.verb is None and not self._frame.objects and token.text in {"到", "至"}:
            self._frame.verb = Verb.GO
        self._marker = token.kind

    def _take_entity(self, entity_id: str) -> None:
        frame, marker = self._frame, self._marker
        if marker is TokenKind.SOURCE:
            frame.source = entity_id
        elif marker is TokenKind.DESTINATION:
            frame.destination = entity_id
        elif marker is not TokenKind.INSTRUMENT:
            self._take_unmarked(entity_id)
        if self._after is not TokenKind.AND and marker is not TokenKind.OBJECT:
            self._marker = marker if marker is TokenKind.INSTRUMENT else None

    def _take_unmarked(self, entity_id: str) -> None:
        frame = self._frame
        placed = self._roles[entity_id] in {Role.PLACE, Role.PERSON}
        direct = frame.verb is None or frame.verb in DIRECT or frame.verb is Verb.GIVE
        joined = self._after is TokenKind.AND or self._marker is TokenKind.OBJECT
        handed = frame.verb is Verb.GIVE and self._roles[entity_id] is Role.PERSON
        going = frame.verb is Verb.GO and self._marker is not TokenKind.OBJECT
        filled = bool(frame.objects) and not joined
        laid = filled and frame.verb in _HANDLING
        if going or handed or laid or (placed and filled) or not direct:
            frame.destination = entity_id
        elif entity_id not in frame.objects:
            frame.objects.append(entity_id)

    def _take_other(self, text: str) -> None:
        if not _content(text):
            return
        expected = {TokenKind.VERB, TokenKind.AND, TokenKind.PARTICLE} | _MARKERS
        instrument = self._marker is TokenKind.INSTRUMENT
        if self._after in expected and not instrument:
            self._frame.strangers.append(text)
        else:
            self._frame.loose.append(text)

    def _close(self) -> None:
        if self._frame.verb is not None or self._frame.objects or self._frame.loose:
            self._done.append(self._frame)
        self._frame = Frame()

    def _reading(self) -> _Reading:
        frames = share_objects(self._done)
        return _Reading([action_of(f) for f in frames if f.verb], unknown_words(frames))


def _particle(rest: list[Token]) -> Verb:
    words = [token.text for token in _until_break(rest)]
    return Verb.OFF if "off" in words else Verb.ON


def _until_break(words: list[Token]) -> list[Token]:
    for index, token in enumerate(words):
        if token.kind is TokenKind.BREAK:
            return words[:index]
    return words


def _content(text: str) -> bool:
    return len(text) >= (3 if text.isascii() else 2)
