"""The corpus is the one that the embedded weights were trained on, to the letter."""

import hashlib
import json
from importlib.resources import files

import pytest

from planner_node.training.corpus import lexicon
from planner_node.training.corpus.lexicon import sections
from planner_node.training.corpus.samples import Sample, dump, sample
from planner_node.training.run import Recipe

COUNT = 400
WHAT_IT_MEANS = (
    "the generator makes other samples now, so `make train` no longer gives the weights of"
    " planner_node/models/embedded: undo the change, or train and export anew, say so in the model"
    " card, and then put the new checksum here"
)


def checksum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def drawn(*, unseen: bool) -> list[Sample]:
    return [sample(Recipe().seed, number, unseen=unseen) for number in range(COUNT)]


@pytest.mark.parametrize(
    ("unseen", "pinned"),
    [
        (False, "85f328089675c163e87a09bb2c49e2ce2600799c2951d8ea282dad7b516c0851"),
        (True, "66c143e7daa7ccd6da52ed748222e51e9e16edad6b0f5cbff5f65bb89ab59fee"),
    ],
    ids=["seen", "unseen"],
)
def test_the_first_samples_of_the_recipe_are_the_same(*, unseen: bool, pinned: str) -> None:
    assert checksum(dump(drawn(unseen=unseen))) == pinned, WHAT_IT_MEANS


def test_the_tools_that_are_offered_are_the_same() -> None:
    offered = json.dumps([made.tools for made in drawn(unseen=False)], ensure_ascii=False)
    pinned = "3666897c1a49e67a8340d5bc205da3e19a850aca3c280e86d8a7b7a272a70b9d"
    assert checksum(offered) == pinned, WHAT_IT_MEANS


@pytest.mark.parametrize(
    ("lang", "pinned"),
    [
        ("zh", "a4dd537fc64ca6c3793938358dea2229f4b2668d859654b0b4f072ad49a3b846"),
        ("en", "952b24d3413459665e7259b3339b3708bedcd8d062e5c5467c5e8ae71d1ee006"),
    ],
    ids=["zh", "en"],
)
def test_what_people_say_is_the_same(lang: str, pinned: str) -> None:
    """Also the line that none of those samples happened to draw; comments may change."""
    names = sorted(path.name for path in files(lexicon).joinpath(lang).iterdir())
    lists = [name.removesuffix(".txt") for name in names]
    said = json.dumps({name: sections(lang, name) for name in lists}, ensure_ascii=False)
    assert checksum(said) == pinned, WHAT_IT_MEANS
