"""What somebody wants done, before any step is planned."""

from dataclasses import dataclass

from planner_node.training.corpus.plans.world import Name, Rel


@dataclass(frozen=True, slots=True)
class Intent:
    """One thing that somebody wants done; ``kind`` names its clause patterns in the lexicon."""

    kind: str
    things: tuple[Name, ...] = ()
    place: Name | None = None
    rel: Rel = Rel.ON
    source: Name | None = None
    source_rel: Rel = Rel.ON
    places: tuple[Name, ...] = ()
    person: Name | None = None
    tool: Name | None = None
    note: str = ""
    says: tuple[str, str] = ("", "")
    left: Name | None = None
    parts: tuple["Intent", ...] = ()
    frame: str = ""
    """The whole sentence, where it is said otherwise than clause by clause (first intent only)."""
    when: str = ""
    """The condition under which this is done, as plans write it; ``else`` for the other case."""


def place_of(intent: Intent) -> Name:
    """The place that ``intent`` aims at; ValueError where it has none."""
    if intent.place is None:
        raise ValueError(f"intent {intent.kind} needs a place")
    return intent.place
