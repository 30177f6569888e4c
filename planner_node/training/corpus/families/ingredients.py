"""What every family of requests draws: things, destinations, sources, the speaker, a dock."""

from collections.abc import Callable
from typing import Final

from planner_node.training.corpus.names import Names
from planner_node.training.corpus.plans.intents import Intent
from planner_node.training.corpus.plans.world import Name, Rel

Family = Callable[[Names], list[Intent]]


_ODD_RELS: Final = (Rel.BESIDE, Rel.BESIDE, Rel.BESIDE, Rel.UNDER, Rel.FRONT, Rel.BEHIND)


def user(lang: str) -> Name:
    """The person who speaks."""
    return Name("使用者", proper=True) if lang == "zh" else Name("user")


def things(names: Names, low: int = 1, high: int = 1, *categories: str) -> tuple[Name, ...]:
    return tuple(names.thing(*categories) for _ in range(names.rng.randint(low, high)))


def destination(names: Names, *kinds: str) -> tuple[Name, Rel]:
    place = names.place(*kinds)
    if names.chance(0.07):
        return place, names.rng.choice(_ODD_RELS)
    if place.rel is Rel.AT and names.chance(0.3) and (names.lang == "en" or len(place.text) > 1):
        return place, Rel.IN
    return place, place.rel


def source(names: Names, *kinds: str) -> dict[str, Name | Rel]:
    place = names.place(*kinds)
    return {"source": place, "source_rel": place.rel}


def few(names: Names) -> int:
    return names.rng.choices((1, 2, 3, 4, 5), (46, 30, 14, 6, 4))[0]


def dock(lang: str) -> Name:
    return Name("充電站", Rel.AT) if lang == "zh" else Name("charging station", Rel.AT)
