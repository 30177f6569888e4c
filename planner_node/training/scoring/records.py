"""One instruction of a test set, with what a good answer to it must do."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from planner_node.training.scoring.terms import AnswerKind, GoalKind, Language, Role, Verb

ALL: Final = -1  # Entity.count of "all the cups"


@dataclass(frozen=True, slots=True)
class Entity:
    """A thing, place, device or person that a plan may speak of, with all its names."""

    entity_id: str
    role: Role
    names: tuple[str, ...]
    required: bool = True
    count: int = 1
    tool: bool = False  # not in the instruction; allowed because an action may need it
    affords: Verb | None = None  # what happens to a thing that is put there


@dataclass(frozen=True, slots=True)
class Goal:
    """One condition on the world at the end."""

    kind: GoalKind
    subject: str = ""
    target: str = ""
    verb: Verb | None = None


@dataclass(frozen=True, slots=True)
class EventPattern:
    """An event of the run: a verb and, where it matters, the entity it happened to."""

    verb: Verb
    entity_id: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """An instruction and everything that is needed to judge an answer to it."""

    record_id: str
    language: Language
    category: str
    kind: AnswerKind
    instruction: str
    entities: tuple[Entity, ...] = ()
    goals: tuple[Goal, ...] = ()
    order: tuple[tuple[EventPattern, ...], ...] = ()
    init: Mapping[str, str] = field(default_factory=dict)
    untouchable: frozenset[str] = frozenset()
    forbidden: tuple[EventPattern, ...] = ()
    forbidden_places: frozenset[str] = frozenset()
    codes: frozenset[str] = frozenset()

    def entity(self, entity_id: str) -> Entity:
        """Return the entity of that id; KeyError where there is none."""
        for entity in self.entities:
            if entity.entity_id == entity_id:
                return entity
        raise KeyError(entity_id)
