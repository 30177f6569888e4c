"""Names of things, places and people: from the lists, composed, or made up.

More than one in three names is made up for each sample: a model can only learn to copy. A tenth
of the listed names never occurs in training (``held_out``) and measures unseen names.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from planner_node.training.corpus import made_up
from planner_node.training.corpus.lexicon import of_training, things, words
from planner_node.training.corpus.plans.world import Name, Rel

THINGS: Final = ("item", "item", "item", "food", "dish", "dish", "box", "drink", "cargo")
PLACE_RELS: Final = {"surface": Rel.ON, "container": Rel.IN, "room": Rel.AT, "zone": Rel.AT}


@dataclass(slots=True)
class Names:
    """Draws names for one sample; none of them contains another."""

    rng: random.Random
    lang: str
    unseen: bool = False
    made_up_share: float = 0.36
    used: list[str] = field(default_factory=list)

    def thing(self, *categories: str) -> Name:
        """A thing of one of ``categories``; by default of any."""
        return self._fresh(lambda: self._thing(self.rng.choice(categories or THINGS)))

    def place(self, *kinds: str) -> Name:
        kind = self.rng.choice(kinds or ("surface", "surface", "container", "room"))
        return self._fresh(lambda: self._place(kind))

    def person(self) -> Name:
        return self._fresh(self._person)

    def other(self, section: str) -> Name:
        """A name of a section of ``others.txt``, e.g. a device, sometimes with an attribute."""
        return self._fresh(lambda: self._other(section))

    def word(self, section: str) -> str:
        return self.rng.choice(words(self.lang, "others", section))

    def station(self, departments: float = 0.12) -> Name:
        """A coded place, A3 rack or station 5; a share of them are departments: Returns."""
        return self._fresh(lambda: self._station(departments))

    def charger(self) -> Name:
        """Where the robot charges: told by its place or its code; three in ten are any zone."""
        return self._fresh(self._charger)

    def chance(self, share: float) -> bool:
        return self.rng.random() < share

    def _fresh(self, draw: Callable[[], Name]) -> Name:
        for _ in range(60):
            name = draw()
            bare = name.text
            if bare and not any(bare in seen or seen in bare for seen in self.used):
                self.used.append(bare)
                return name
        raise LookupError("no fresh name found")

    def listed(self, pool: tuple[str, ...]) -> str:
        """One of ``pool``: of those that training may see, or of the others."""
        return self.rng.choice(of_training(pool, unseen=self.unseen) or pool)

    def _thing(self, category: str) -> Name:
        if self.chance(self.made_up_share):
            return made_up.thing(self.rng, self.lang, unseen=self.unseen)
        text = self._with_attribute(self.listed(things(self.lang, category)))
        if self.chance(0.06):
            return self._owned(text)
        return self._marked(
            text, plural=self.lang == "en" and _is_plural(text), mass=category == "drink"
        )

    def _owned(self, text: str) -> Name:
        """Somebody's thing: ``Tom's mug``, ``小美的杯子``."""
        owner = self._person()
        if self.lang == "zh":
            return Name(f"{owner.text}的{text}")
        lead = f"{owner.lead} " if owner.lead else ""
        return Name(f"{lead}{owner.text}'s {text}", proper=True)

    def _place(self, kind: str) -> Name:
        if self.chance(self.made_up_share):
            return made_up.place(self.rng, self.lang, kind, unseen=self.unseen)
        text = self.listed(words(self.lang, "places", kind))
        if self.chance(0.08):
            return self._part_of(text, kind)
        text = self._with_attribute(text, 0.12)
        rel = Rel.IN if kind == "room" and self.lang == "en" else PLACE_RELS[kind]
        return self._marked(text, rel)

    def _part_of(self, text: str, kind: str) -> Name:
        """A part of a place: ``top shelf of the fridge``, ``冰箱上層``."""
        inner = {"surface": "part_on", "container": "part_in"}.get(kind, "part_at")
        part = self.word(inner)
        rel = {"surface": Rel.ON, "container": Rel.ON}.get(kind, Rel.AT)
        if self.lang == "zh":
            return Name(f"{text}{self.rng.choice(('', '的'))}{part}", Rel.AT)
        return Name(f"{part} of the {text}", rel)

    def _station(self, departments: float) -> Name:
        if not self.chance(departments):
            return made_up.station(self.rng, self.lang)
        text = self.listed(words(self.lang, "places", "department"))
        if self.lang == "en" and self.chance(0.15):  # typed in a hurry: "take it to returns"
            text = text.lower()
        return self._marked(text, Rel.AT, proper=self.lang == "en")

    def _charger(self) -> Name:
        kind = self.rng.random()
        if kind < 0.3:
            return self._place("zone")
        if kind < 0.65:
            return made_up.charger(self.rng, self.lang)
        return self._marked(self.listed(words(self.lang, "chargers", "charger")), Rel.AT)

    def _person(self) -> Name:
        if self.chance(0.35):
            return made_up.person(self.rng, self.lang)
        text = self.listed(words(self.lang, "others", "person"))
        if self.lang == "en":
            if text.startswith(("the ", "my ")):
                return Name(text.split(" ", 1)[1], lead=text.split(" ", 1)[0])
            if self.chance(0.06):  # typed in a hurry: "give it to tom"
                return Name(text.lower(), proper=True)
            return Name(text, proper=True)
        return self._marked(text, proper=True)

    def _other(self, section: str) -> Name:
        if self.chance(self.made_up_share * 0.6):
            return made_up.thing(self.rng, self.lang, unseen=self.unseen)
        return self._marked(
            self._with_attribute(self.listed(words(self.lang, "others", section)), 0.12), Rel.IN
        )

    def _with_attribute(self, text: str, share: float = 0.16) -> str:
        if not self.chance(share):
            return text
        kind = self.rng.choice(("color", "color", "size", "material", "side", "condition"))
        attribute = self.word(kind)
        if self.lang == "en":
            second = f"{self.word('color')} " if kind == "size" and self.chance(0.3) else ""
            return f"{attribute} {second}{text}"
        if attribute.endswith("的"):
            color = self.word("color") if self.chance(0.2) else ""
            return f"{attribute}{color}{text}"
        joint = "的" if self.chance(0.35) and len(attribute) > 1 and attribute[-1] != "的" else ""
        return f"{attribute}{joint}{text}"

    def _marked(
        self,
        text: str,
        rel: Rel = Rel.ON,
        *,
        proper: bool = False,
        plural: bool = False,
        mass: bool = False,
    ) -> Name:
        lead = " " if self.lang == "zh" and text[0].isascii() and text[0].islower() else ""
        return Name(text, rel, proper, plural=plural, lead=lead, mass=mass)


def _is_plural(text: str) -> bool:
    return text.endswith("s") and not text.endswith(("ss", "us", "is", "glass", "lens"))
