"""Walks over the tokens of one text and reads its actions.

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
    described_unknown,
    share_objects,
    unknown_words,
)
from planner_node.training.scoring.lexicon import Token, TokenKind, listed
from planner_node.training.scoring.records import Record
from planner_node.training.scoring.strays import has_content
from planner_node.training.scoring.terms import DIRECT, STATES, Language, Role, Verb
from planner_node.training.scoring.text import normal

_MARKERS: Final = frozenset(
    {TokenKind.OBJECT, TokenKind.SOURCE, TokenKind.DESTINATION, TokenKind.INSTRUMENT}
)
_HANDLING: Final = frozenset({Verb.PLACE, Verb.GIVE, Verb.CARRY, Verb.MOVE})
_TOWARDS: Final = ("到", "至", "入", "進", "在", "往", "給", "於")
_PRESSING: Final = frozenset({"按", "按下", "press", "pressing", "presses", "pressed"})
_DOCKING: Final = ("dock", "對接")
# Verbs of which a place and a thing in a row are one thing: "turn off the kitchen lamp".
_WITH_PLACE: Final = STATES | {Verb.PICK, None}
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
class Reading:
    """What one text says."""

    actions: tuple[Action, ...]
    unknown: tuple[str, ...]


def read(words: list[Token], record: Record, *, describes: bool = False) -> Reading:
    """Read the actions of a text, and the words that name what the instruction does not.

    A text that ``describes`` a title may also say how it is done and what to look out for.
    """
    return _Reader(record, describes=describes).read(words)


class _Reader:
    """Walks over tokens; holds the frame under way."""

    def __init__(self, record: Record, *, describes: bool) -> None:
        self._describes = describes
        self._record = record
        self._roles = {entity.entity_id: entity.role for entity in record.entities}
        self._lying = listed(record.language, "LYING")
        self._done: list[Frame] = []
        self._frame = Frame()
        self._clause = 0  # how many frames were done when the clause began
        self._marker: TokenKind | None = None
        self._marked = ""  # the marker's text
        self._skipping = False
        self._after: TokenKind | None = None  # the last word that was not a stop word

    def read(self, words: list[Token]) -> Reading:
        for index, token in enumerate(words):
            self._take(token, words[index + 1 :])
        self._close()
        return self._reading()

    def _take(self, token: Token, rest: list[Token]) -> None:
        kind = token.kind
        if kind in _SILENT:
            if self._is_room_number(token, rest):
                self._frame.strangers.append(token.text)
            return
        if kind in {TokenKind.BREAK, TokenKind.CONDITION_END}:
            self._break()
        elif kind in {TokenKind.CONDITION, TokenKind.NEGATION}:
            self._begin_skipping(token)
        elif self._describes and token.verb is Verb.CHECK:
            self._begin_skipping(token)  # 「確認放置穩固」
        elif kind is TokenKind.ENTITY and self._skipping:
            self._take_condition(token.entity_id)
        elif not self._skipping:
            self._take_word(token, rest)
        self._after = kind

    def _is_room_number(self, token: Token, rest: list[Token]) -> bool:
        """Whether a number stands where a name must: "put it on 12"."""
        ends = not rest or rest[0].kind is TokenKind.BREAK
        return token.text.isdigit() and ends and self._after in _MARKERS and not self._skipping

    def _begin_skipping(self, token: Token) -> None:
        if token.text == "的話":  # it ends its condition: nothing in it is done
            self._frame = Frame()
            del self._done[self._clause :]
            return
        # "若 / if": what follows is looked at, not done; a frame before it stands.
        # "Check whether the door is open" keeps its frame open for the door.
        looks = self._frame.verb is Verb.CHECK and not self._frame.objects
        if self._frame.verb is None:
            self._frame = Frame()
        elif token.kind is not TokenKind.NEGATION and not looks:
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
        self._clause = len(self._done)

    def _take_word(self, token: Token, rest: list[Token]) -> None:
        if token.kind is TokenKind.VERB and token.verb is not None:
            self._take_verb_word(token.text, self._meant(token.text, token.verb, rest))
        elif token.kind is TokenKind.PARTICLE:
            self._take_verb(_particle(rest))
        elif token.kind in _MARKERS:
            self._take_marker(token, rest)
        elif token.kind is TokenKind.ENTITY:
            self._take_entity(token.entity_id, rest)
        elif token.kind is TokenKind.PRONOUN:
            self._frame.pronoun = True
            self._marker = None
        elif token.kind is TokenKind.OTHER:
            self._take_other(token.text, rest)

    def _meant(self, text: str, verb: Verb, rest: list[Token]) -> Verb:
        """Return what the verb means with the name after it."""
        following = next((t for t in rest if t.kind not in _SILENT | {TokenKind.DESTINATION}), None)
        role = self._roles.get(following.entity_id) if following is not None else None
        if text == "移動" and role in {Role.OBJECT, Role.DEVICE}:  # 「移動花瓶」
            return Verb.MOVE
        if text in _PRESSING and role is Role.PLACE:  # a button of it: "press the elevator button"
            return Verb.FIND
        charging = any(goal.verb is Verb.CHARGE for goal in self._record.goals)
        if text.startswith(_DOCKING) and role is Role.PLACE and not charging:
            return Verb.GO
        return verb

    def _take_verb_word(self, text: str, verb: Verb) -> None:
        handing = self._frame.verb in {Verb.GIVE, Verb.CARRY, Verb.MOVE}
        if text == "給" and handing and not self._frame.destination:  # 「送咖啡給陳經理」
            self._marker = TokenKind.DESTINATION
            return
        self._take_verb(verb)
        if verb in _HANDLING | {Verb.FILL} and text.endswith(_TOWARDS):  # 「放入碗」
            self._marker, self._marked = TokenKind.DESTINATION, text[-1]

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
        self._marker, self._marked = token.kind, token.text

    def _take_entity(self, entity_id: str, rest: list[Token]) -> None:
        frame, marker = self._frame, self._marker
        if self._tells_where(entity_id, rest):
            frame.source = entity_id
            if marker is TokenKind.DESTINATION and frame.verb in _WITH_PLACE:
                self._marker = None  # 「拿起在桌子上的杯子」
            return
        if marker is TokenKind.SOURCE:
            frame.source = entity_id
        elif marker is TokenKind.DESTINATION:
            frame.destination = entity_id
            frame.lying = self._marked in self._lying
        elif marker is not TokenKind.INSTRUMENT:
            self._take_unmarked(entity_id)
        if self._after is not TokenKind.AND and marker is not TokenKind.OBJECT:
            self._marker = marker if marker is TokenKind.INSTRUMENT else None

    def _tells_where(self, entity_id: str, rest: list[Token]) -> bool:
        """Whether the entity only tells where the next one is: 「桌子上的杯子」, 「客廳燈」."""
        between: list[str] = []
        for token in rest:
            if token.kind in _SILENT:
                between.append(token.text)
                continue
            if token.kind is not TokenKind.ENTITY or token.entity_id == entity_id:
                return False
            break
        else:
            return False
        placed = self._roles[entity_id] is Role.PLACE
        if self._frame.verb in {Verb.PATROL, Verb.CHECK}:
            return False
        if "的" in between:
            return placed or not self._lying.isdisjoint(between)
        return placed and not between and self._frame.verb in _WITH_PLACE

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

    def _take_other(self, text: str, rest: list[Token]) -> None:
        if not has_content(text) or (self._describes and _tells_how(text, rest)):
            return
        expected = {TokenKind.VERB, TokenKind.AND, TokenKind.PARTICLE} | _MARKERS
        instrument = self._marker is TokenKind.INSTRUMENT
        if self._after in expected and not instrument:
            self._frame.strangers.append(text)
            self._frame.more += [text] if self._after is TokenKind.AND else []
            self._frame.targets += [text] if self._marker is TokenKind.DESTINATION else []
        else:
            self._frame.loose.append(text)

    def _close(self) -> None:
        if self._frame.verb is not None or self._frame.objects or self._frame.loose:
            self._done.append(self._frame)
        self._frame = Frame()

    def _reading(self) -> Reading:
        frames = share_objects(self._done)
        find = described_unknown if self._describes else unknown_words
        unknown = tuple(find(frames, self._is_known))
        return Reading(tuple(action_of(f) for f in frames if f.verb), unknown)

    def _is_known(self, text: str) -> bool:
        """Whether the instruction says the word, or it is one that names nothing."""
        neutral, said = listed(self._record.language, "NEUTRAL"), normal(self._record.instruction)
        if self._record.language is Language.EN:
            stem = text[: max(4, len(text) - 3)]
            return text in neutral or any(word.startswith(stem) for word in said.split())
        for word in sorted(neutral, key=len, reverse=True):
            text = text.replace(word, "")
        return not has_content(text) or text in said


def _tells_how(text: str, rest: list[Token]) -> bool:
    """Whether the word is an adverb: smoothly, 「輕柔地」."""
    return text.endswith("ly") or bool(rest and rest[0].text == "地")


def _particle(rest: list[Token]) -> Verb:
    words = [token.text for token in _until_break(rest)]
    return Verb.OFF if "off" in words else Verb.ON


def _until_break(words: list[Token]) -> list[Token]:
    for index, token in enumerate(words):
        if token.kind is TokenKind.BREAK:
            return words[:index]
    return words
