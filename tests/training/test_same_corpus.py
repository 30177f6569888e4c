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
        (False, "25934bbd8b9491c908243f00aa139fa2f5b1e52fae8c5d7f6ca2664fe7b382ad"),
        (True, "28008dc95d563b50d591f651dcfab8e2f0c51975db3d68d5e3e183436bd106de"),
    ],
    ids=["seen", "unseen"],
)
def test_the_first_samples_of_the_recipe_are_the_same(*, unseen: bool, pinned: str) -> None:
    assert checksum(dump(drawn(unseen=unseen))) == pinned, WHAT_IT_MEANS


def test_the_tools_that_are_offered_are_the_same() -> None:
    offered = json.dumps([made.tools for made in drawn(unseen=False)], ensure_ascii=False)
    pinned = "0c9a260fe3f3f4559ff2ca29e4f7e352e0720a9d6d963fad770ff6da81a5f3b9"
    assert checksum(offered) == pinned, WHAT_IT_MEANS


@pytest.mark.parametrize(
    ("lang", "pinned"),
    [
        ("zh", "770dcb6f343b627733b6394405d1a49012394948d510990aa987509ab1b3595e"),
        ("en", "62bbf5fb78647bd55866a2465a49a6c67d1b9f4ff0dfb7594b3650293b9ac1ff"),
    ],
    ids=["zh", "en"],
)
def test_what_people_say_is_the_same(lang: str, pinned: str) -> None:
    """Also the line that none of those samples happened to draw; comments may change."""
    names = sorted(path.name for path in files(lexicon).joinpath(lang).iterdir())
    lists = [name.removesuffix(".txt") for name in names]
    said = json.dumps({name: sections(lang, name) for name in lists}, ensure_ascii=False)
    assert checksum(said) == pinned, WHAT_IT_MEANS
