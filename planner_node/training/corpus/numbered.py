"""Rooms as buildings tell them apart: by floor, number or letter.

A floor, a number or a letter is a part of the name, wherever it stands: whoever is sent to the
conference room on the second floor and goes to the second floor stands in the wrong place.
"""

import random
from typing import Final

from planner_node.training.corpus.plans.world import Name, Rel

_EN_FLOORS: Final = (
    "ground",
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "tenth",
    "top",
)
_EN_NUMBERS: Final = ("one", "two", "three", "four", "five", "six", "seven")
_EN_HEADS: Final = ("room", "room", "ward", "bay", "suite", "hall", "meeting room", "lab", "unit")
_ZH_NUMBERS: Final = "一二三四五六七八九十"
_ZH_FLOORS: Final = (*_ZH_NUMBERS, "十一", "十二", "頂", "3", "5", "8", "12", "B1", "地下一")
_ZH_HEADS: Final = (
    "號房",
    "病房",
    "號病房",
    "教室",
    "會議室",
    "室",
    "號床",
    "房",
    "診間",
    "號診間",
)


def room(rng: random.Random, lang: str, text: str) -> Name:
    """Return a numbered room, or the room called ``text`` with what tells it from its likes."""
    return _english(rng, text) if lang == "en" else _chinese(rng, text)


def _english(rng: random.Random, text: str) -> Name:
    shape = rng.random()
    if shape < 0.25:
        return Name(f"{text} on the {rng.choice(_EN_FLOORS)} floor", Rel.IN)
    if shape < 0.35:
        return Name(f"{rng.choice(_EN_FLOORS)}-floor {text}", Rel.IN)
    if shape < 0.55:
        return Name(f"{text} {_english_mark(rng)}", Rel.IN, proper=True)
    said = f"{rng.choice(_EN_HEADS)} {_english_mark(rng)}"
    return Name(said if rng.random() < 0.7 else said[0].upper() + said[1:], Rel.IN, proper=True)


def _english_mark(rng: random.Random) -> str:
    shape = rng.random()
    if shape < 0.45:
        return str(rng.choice((rng.randint(1, 30), rng.randint(100, 999))))
    if shape < 0.65:
        return rng.choice(_EN_NUMBERS)
    return f"{rng.choice('ABCDEFGH')}{rng.choice(('', '', str(rng.randint(1, 20))))}"


def _chinese(rng: random.Random, text: str) -> Name:
    shape = rng.random()
    if shape < 0.4:
        return Name(
            f"{rng.choice(_ZH_FLOORS)}{rng.choice(('樓', '樓', '樓的', 'F'))}{text}", Rel.AT
        )
    if shape < 0.55:
        return Name(f"{text}{rng.choice('ABCDE1234')}", Rel.AT)
    if shape < 0.65:
        return Name(f"{rng.choice(_ZH_NUMBERS)}號{text}", Rel.AT)
    head = rng.choice(_ZH_HEADS)
    mark = rng.choice(
        (
            str(rng.randint(1, 30)),
            str(rng.randint(101, 1599)),
            f"{rng.randint(1, 9)}{rng.choice('ABC')}",
        )
    )
    return Name(f"{rng.choice((mark, mark, rng.choice(_ZH_NUMBERS)))}{head}", Rel.AT)
