"""Says intents as one instruction: clauses, order words, politeness, typing habits."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from planner_node.training.corpus.lexicon import sections
from planner_node.training.corpus.plans.intents import Intent
from planner_node.training.corpus.plans.world import Name
from planner_node.training.corpus.speech import smalltalk, together
from planner_node.training.corpus.speech.clauses import TREATMENTS, clause_patterns, section_of
from planner_node.training.corpus.speech.noise import typed
from planner_node.training.corpus.speech.patterns import expand, fill
from planner_node.training.corpus.speech.slots import slots_of
from planner_node.training.corpus.speech.surface import Surface

_UNWRAPPED_SHARE: Final = 0.25
_AT_PLACES: Final = frozenset({"wait", "charge", "deliver"})


@dataclass(slots=True)
class Speaker:
    """One person giving one instruction."""

    rng: random.Random
    lang: str
    surface: Surface = field(init=False)
    spoken: tuple[Name, ...] = ()
    at: tuple[Name, ...] = ()
    bare: bool = False  # each clause is a sentence of its own
    plain: bool = False  # nothing polite around the whole

    def __post_init__(self) -> None:
        self.surface = Surface(self.rng, self.lang)

    def instruction(self, intents: Sequence[Intent]) -> str:
        """The whole instruction for ``intents``, in the order they are to be done."""
        if intents[0].frame:
            return self._framed(intents[0].frame)
        alone = intents[0].note in {"told", "raw"}
        bare = alone or (len(intents) == 1 and self.rng.random() < 0.5)
        if len(intents) == 1:
            sentence = self.clause(intents[0], bare=bare)
        else:
            sentence = together.joined(self, tuple(intents))
        contrasted = intents[0].note == "contrast"
        left = None if contrasted else intents[-1].left
        before, after = self._kept(left) if left else ("", "")
        asked = (
            f"{before}{sentence}" if after.startswith((".", "。")) else before + sentence + after
        )
        said = asked if bare or self.plain else smalltalk.around(self.rng, self.lang, asked)
        wrapped = said if asked.endswith(after) else said.rstrip("?") + after
        return typed(wrapped, self.lang, self.rng, ends=intents[0].note != "raw")

    def formed(self, intent: Intent, form: str) -> str | None:
        """A clause in another form: its gerund, or its result; None where it has none."""
        if form == "ing":
            return together.gerund(self.clause(intent))
        if form != "done":
            return self.clause(intent, bare=self.bare)
        extra = intent.tool or intent.source or (intent.places and intent.kind in _AT_PLACES)
        treated = intent.kind in TREATMENTS and intent.place is not None
        section = f"done.{intent.kind}"
        if extra or treated or intent.says[0] or section not in clause_patterns(self.lang):
            return None
        slots, self.spoken, self.at = self.slots(intent), intent.things, ()
        return self._pattern(section, slots)

    def _kept(self, left: Name) -> tuple[str, str]:
        """What is said before or after the sentence about a thing to be left alone."""
        slots = {"k": self.surface.thing(left)}
        if self.rng.random() < 0.3:
            return self._pattern("keep.first", slots), ""
        return "", self._pattern("keep", slots)

    def _framed(self, said: str) -> str:
        """A sentence that was written whole, with the wrapping it allows, or none."""
        if self.rng.random() < _UNWRAPPED_SHARE:
            return typed(said.lstrip("!"), self.lang, self.rng)
        if not said.startswith("!") and self.rng.random() < 0.55:
            return typed(smalltalk.around(self.rng, self.lang, said), self.lang, self.rng)
        kinds = ("light", "light", "light", "aside")
        said = smalltalk.around(self.rng, self.lang, said.lstrip("!"), kinds)
        return typed(said, self.lang, self.rng)

    def clause(self, intent: Intent, *, bare: bool = False) -> str:
        """One intent as an imperative clause."""
        if intent.kind == "spread":
            self.spoken, self.at = (), ()
            return together.spread(self, intent, bare=bare)
        known = intent.source is None and bool(self.spoken)
        known = known and intent.things in (self.spoken, self.at)
        known = known and self.rng.random() < 0.85  # people also say the name again
        self.at = (intent.place,) if intent.place is not None and intent.kind == "move" else ()
        slots = self.slots(intent, known=known)
        self.spoken = intent.things
        if "whole" in slots:
            return slots["whole"]
        return self._pattern(section_of(intent, self.rng, known=known), slots, bare=bare)

    def _pattern(self, section: str, slots: dict[str, str], *, bare: bool = False) -> str:
        lines = clause_patterns(self.lang)[section]
        usable = [line for line in lines if bare or not line.startswith("!")] or list(lines)
        for _ in range(20):
            try:
                return together.filled(self.rng.choice(usable).lstrip("!"), slots, self.rng)
            except KeyError:  # "to the box" cannot mean "next to the box"
                continue
        raise LookupError(f"no pattern of {section} fits")

    def slots(self, intent: Intent, *, known: bool = False) -> dict[str, str]:
        """What fills the slots of the clause of ``intent``; ``known`` things become pronouns."""
        return self._with_parts(intent, slots_of(intent, self.surface, known=known))

    def _with_parts(self, intent: Intent, slots: dict[str, str]) -> dict[str, str]:
        """A distribution says its parts one after another: put A here and B there."""
        if intent.kind == "collect":
            return slots | {"whole": self._collected(intent, slots)}
        if intent.kind == "share":
            return slots | {"whole": self._shared(intent)}
        if intent.kind != "distribute":
            return slots
        first, *rest = intent.parts
        lead = self._pattern("move", self.slots(first))
        said = [lead, *(self._gapped(self.slots(part)) for part in rest)]
        joiner = self.rng.choice(sections(self.lang, "wrappers")[f"gap{len(said)}"])
        slots["whole"] = fill(joiner, dict(zip("abc", said, strict=False)))
        return slots

    def _collected(self, intent: Intent, slots: dict[str, str]) -> str:
        lines = sections(self.lang, "clauses")["collect.part"]
        first, second = (self.slots(part) for part in intent.parts)
        said = fill(expand(self.rng.choice(lines[:2]), self.rng), first)
        also = fill(expand(self.rng.choice(lines), self.rng), second)
        return self._pattern("collect.tail", slots | {"a": said, "b": also})

    def _shared(self, intent: Intent) -> str:
        lines = sections(self.lang, "clauses")["share.part"]
        said = [
            fill(
                expand(self.rng.choice(lines if number else lines[:2]), self.rng),
                self.slots(part),
            )
            for number, part in enumerate(intent.parts)
        ]
        joiner = self.rng.choice(sections(self.lang, "wrappers")[f"gap{len(said)}"])
        return fill(joiner, dict(zip("abc", said, strict=False)))

    def _gapped(self, slots: dict[str, str]) -> str:
        if self.lang == "en":
            line = self.rng.choice(("{o} {d}", "{o} {d}", "put {o} {d}", "place {o} {d}"))
            return fill(line, slots)
        return self._pattern("distribute", slots)
