"""Instructions as people say them to a robot, in English and Traditional Chinese, all different.

No engine may profit from having planned the same sentence before, so a run never uses one twice.
Those of six patterns a language are alike, as a fleet's are that does the same work every day. The
varied ones come from the training's generator, with names that training never shows: hardly two of
them are said in the same way.
"""

import itertools
import random
from collections.abc import Iterator
from typing import Final

from planner_node.training.corpus.samples import Sample, sample

_MOST_STEPS: Final = 8
_ENGLISH: Final = (
    "put the {thing} on the {place}",
    "please bring the {thing} from the {place} to me",
    "take the {thing} to the {place} and come back",
    "could you move the {thing} and the {other} to the {place}",
    "go to the {place}, pick up the {thing} and bring it to the kitchen",
    "first put the {thing} on the {place}, then go and get the {other}",
)
_CHINESE: Final = (
    "將{thing}放在{place}上。",
    "請把{thing}從{place}拿來給我。",
    "把{thing}送到{place}，然後回來。",
    "麻煩將{thing}和{other}移動到{place}。",
    "去{place}拿{thing}，再送到廚房。",
    "先把{thing}放到{place}，再去拿{other}。",
)
_ENGLISH_THINGS: Final = (
    "book", "cup", "red apple", "remote control", "knife", "plate", "towel", "water bottle",
    "newspaper", "umbrella", "first aid kit", "laptop", "bowl", "screwdriver", "medicine box",
)  # fmt: skip
_CHINESE_THINGS: Final = (
    "書本", "杯子", "紅蘋果", "遙控器", "刀子", "盤子", "毛巾", "水瓶",
    "報紙", "雨傘", "急救箱", "筆電", "碗", "螺絲起子", "藥盒",
)  # fmt: skip
_ENGLISH_PLACES: Final = (
    "side table", "counter", "dining table", "shelf", "desk", "sofa", "workbench", "bed",
)  # fmt: skip
_CHINESE_PLACES: Final = ("側桌", "櫃檯", "餐桌", "架子", "書桌", "沙發", "工作台", "床")


def instructions(number: int, seed: int) -> list[tuple[str, str]]:
    """Return ``number`` different pairs of language and instruction, the languages taking turns."""
    chooser = random.Random(seed)
    english = _said(_ENGLISH, _ENGLISH_THINGS, _ENGLISH_PLACES, chooser)
    chinese = _said(_CHINESE, _CHINESE_THINGS, _CHINESE_PLACES, chooser)
    pairs = [
        pair
        for said in zip(english, chinese, strict=False)
        for pair in zip(("en", "zh-TW"), said, strict=True)
    ]
    if len(pairs) < number:
        raise ValueError(f"{number} instructions are wanted, there are {len(pairs)}")
    return pairs[:number]


def varied(number: int, seed: int) -> list[tuple[str, str]]:
    """Return ``number`` different pairs of language and instruction, each said in its own way."""
    found = (_varied_in(lang, seed) for lang in ("en", "zh"))
    pairs = itertools.chain.from_iterable(zip(*found, strict=False))
    return list(itertools.islice(pairs, number))


def _varied_in(lang: str, seed: int) -> Iterator[tuple[str, str]]:
    told: set[str] = set()
    for index in itertools.count():
        drawn = sample(seed, index, unseen=True)
        said = drawn.turns[-1].content
        if drawn.lang == lang and _is_plain(drawn) and said not in told:
            told.add(said)
            yield {"en": "en", "zh": "zh-TW"}[lang], said


def _is_plain(drawn: Sample) -> bool:
    """Tell whether it is one request of one line, with a plan that the schema has room for."""
    asked = [turn for turn in drawn.turns if turn.role == "user"]
    return len(asked) == 1 and "\n" not in asked[0].content and 0 < len(drawn.steps) <= _MOST_STEPS


def _said(
    phrases: tuple[str, ...],
    things: tuple[str, ...],
    places: tuple[str, ...],
    chooser: random.Random,
) -> list[str]:
    """Return every way to fill the phrases, shuffled."""
    triples = itertools.product(itertools.permutations(things, 2), places)
    said = {
        phrase.format(thing=thing, other=other, place=place)
        for (thing, other), place in triples
        for phrase in phrases
    }
    ordered = sorted(said)
    chooser.shuffle(ordered)
    return ordered
