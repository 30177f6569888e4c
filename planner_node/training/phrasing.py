"""Says intents as one instruction: clauses, order words, politeness, typing habits."""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Final

from planner_node.training import smalltalk, together
from planner_node.training.clause_sections import TREATMENTS, section_of
from planner_node.training.intents import Intent
from planner_node.training.lexicon import sections
from planner_node.training.noise import typed
from planner_node.training.patterns import expand, fill
from planner_node.training.surface import Surface, difference, marked
from planner_node.training.world import Name, Rel

_SINGULAR: Final = {
    "it": "it",
    "is": "is",
    "has": "has",
    "does": "does",
    "goes": "goes",
    "belongs": "belongs",
    "needs": "needs",
}
_PLURAL: Final = {
    "it": "them",
    "is": "are",
    "has": "have",
    "does": "do",
    "goes": "go",
    "belongs": "belong",
    "needs": "need",
}
_AT_PLACES: Final = frozenset({"wait", "charge", "deliver"})
CLAUSE_FILES: Final = ("clauses", "moving", "acting")


@cache
def clause_patterns(lang: str) -> dict[str, tuple[str, ...]]:
    """The clause patterns of every lexicon file, by section."""
    found: dict[str, tuple[str, ...]] = {}
    for file in CLAUSE_FILES:
        for section, lines in sections(lang, file).items():
            told = section.startswith("told.")
            agreeing = (line.replace("(it|them)", "{it}").replace("\\n", "\n") for line in lines)
            said = (re.sub(r" it\b", " {it}", line) if told else line for line in agreeing)
            found[section] = (*found.get(section, ()), *said)
    return found


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
        """A sentence that was written whole, with the wrapping it allows."""
        if not said.startswith("!") and self.rng.random() < 0.55:
            return typed(smalltalk.around(self.rng, self.lang, said), self.lang, self.rng)
        kinds = ("light", "light", "light", "chatty")
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
        surface = self.surface
        slots = {"n": intent.note, "o": self._things(intent, known=known)}
        slots |= self._agreement(intent)
        if intent.left is not None and intent.note == "contrast":
            slots["k"] = self._other_one(intent)
        slots["v"] = slots["o"]
        if intent.things:
            slots |= self._bare_names(intent)
        if intent.person is not None:
            slots["p"] = surface.place(intent.person)
        slots |= self._destination(intent)
        if intent.source is not None:
            slots |= surface.source(intent.source, intent.source_rel)
            slots["sb"] = marked(intent.source)
            slots["r"] = slots["S"]
            if "v" in slots and intent.kind in {"on", "off", "open", "close"}:
                slots["v"] = self._located(slots)
        if len(intent.things) == 2 and intent.kind == "if.else":
            first, second = intent.things
            slots |= {
                "o1": surface.thing(first),
                "o2": surface.thing(second),
                "i1": self._indefinite(first),
            }
        slots |= self._tool(intent)
        if intent.places:
            ordered = intent.kind in {"go", "visit", "patrol", "inspect"}
            slots["w"] = surface.listed(
                [surface.place(place) for place in intent.places], "ordered" if ordered else "and"
            )
        if intent.kind == "act" and intent.source is not None:
            slots["o"] = self._located(slots)
        if intent.kind == "act":
            slots["n"] = fill(expand(intent.note, self.rng), {"o": slots["o"]})
        return self._with_parts(intent, slots)

    def _bare_names(self, intent: Intent) -> dict[str, str]:
        """The things without articles, as something new, and as somebody to go to."""
        comma = ", " if self.lang == "en" else "、"
        return {
            "b": intent.says[0] or comma.join(map(marked, intent.things)),
            "i": self.surface.listed([self._indefinite(name) for name in intent.things]),
            "p": self.surface.place(intent.things[0]),
        }

    def _destination(self, intent: Intent) -> dict[str, str]:
        """The bare place only where "to the box" means what the plan does there."""
        if intent.place is None:
            return {}
        slots = {"d": self.surface.to(intent.place, intent.rel)}
        slots["at"] = self.surface.at(intent.place, intent.rel)
        if intent.rel is intent.place.rel or intent.kind not in {"move", "nest", "if.present"}:
            slots["D"] = self.surface.place(intent.place)
            slots["db"] = marked(intent.place)
        return slots

    def _other_one(self, intent: Intent) -> str:
        """What is not meant: by its name, or as the blue one where the noun is the same."""
        (one,), other = intent.things, intent.left
        if other is None:
            raise ValueError("a contrast needs what is not meant")
        apart = difference(one, other) if self.lang == "en" else ""
        if apart:
            return f"the {apart} one" if self.rng.random() < 0.6 else f"the {marked(other)}"
        return marked(other) if self.lang == "zh" else self.surface.place(other)

    def _agreement(self, intent: Intent) -> dict[str, str]:
        """Words that agree with the number of things: it or them, is or are, goes or go."""
        many = len(intent.things) > 1 or any(t.plural or t.group for t in intent.things)
        return _PLURAL if many else _SINGULAR

    def _tool(self, intent: Intent) -> dict[str, str]:
        if intent.tool is None:
            return {}
        rel = intent.tool.rel if intent.kind == "instead" else Rel.IN
        return {
            "a": self.surface.place(intent.tool),
            "c": self.surface.to(intent.tool, rel),
            "C": self.surface.place(intent.tool),
        }

    def _with_parts(self, intent: Intent, slots: dict[str, str]) -> dict[str, str]:
        """A distribution says its parts one after another: put A here and B there."""
        if intent.kind == "collect":
            return slots | {"whole": self._collected(intent, slots)}
        if intent.kind == "share":
            return slots | {"whole": self._shared(intent)}
        if intent.kind != "distribute":
            return slots
        first, *rest = intent.parts
        lead = self._pattern("move", self.slots(first, known=False))
        said = [lead, *(self._gapped(self.slots(part, known=False)) for part in rest)]
        joiner = self.rng.choice(sections(self.lang, "wrappers")[f"gap{len(said)}"])
        slots["whole"] = fill(joiner, dict(zip("abc", said, strict=False)))
        return slots

    def _collected(self, intent: Intent, slots: dict[str, str]) -> str:
        lines = sections(self.lang, "clauses")["collect.part"]
        first, second = (self.slots(part, known=False) for part in intent.parts)
        said = fill(expand(self.rng.choice(lines[:2]), self.rng), first)
        also = fill(expand(self.rng.choice(lines), self.rng), second)
        return self._pattern("collect.tail", slots | {"a": said, "b": also})

    def _shared(self, intent: Intent) -> str:
        lines = sections(self.lang, "clauses")["share.part"]
        said = [
            fill(
                expand(self.rng.choice(lines if number else lines[:2]), self.rng),
                self.slots(part, known=False),
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

    def _located(self, slots: dict[str, str]) -> str:
        if self.lang == "en":
            return f"{slots['o']} {re.sub('^at ', 'in ', slots['g'])}"
        return f"{slots['S']}的{slots['o']}"

    def _things(self, intent: Intent, *, known: bool) -> str:
        if intent.says[0] and intent.kind != "act":
            return intent.says[0]
        if known:
            many = len(intent.things) > 1 or any(t.plural or t.group for t in intent.things)
            if self.lang == "zh":
                return "它們" if many else "它"
            return "them" if many else "it"
        if not intent.things:
            return ""
        return self.surface.listed([self.surface.thing(name) for name in intent.things])

    def _indefinite(self, name: Name) -> str:
        if self.lang == "zh" or name.proper:
            return marked(name)
        article = "an" if name.text[0] in "aeiou" else "a"
        return marked(name) if name.plural or name.mass else f"{article} {marked(name)}"
