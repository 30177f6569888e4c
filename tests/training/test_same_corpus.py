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
        (False, "893b800527c7e4ddd4a495588b14d130454d490d57c6913944a75bbde7abf055"),
        (True, "2b7a7b9d2aec6cd79144a101578cdc2a32628e629ad8f4efd8cefa197b1d7717"),
    ],
    ids=["seen", "unseen"],
)
def test_the_first_samples_of_the_recipe_are_the_same(*, unseen: bool, pinned: str) -> None:
    assert checksum(dump(drawn(unseen=unseen))) == pinned, WHAT_IT_MEANS


def test_the_tools_that_are_offered_are_the_same() -> None:
    offered = json.dumps([made.tools for made in drawn(unseen=False)], ensure_ascii=False)
    pinned = "1adee96475e7b219a264ff1b1d37bdce8bef4d81ac35d3f2e276ee79eb526945"
    assert checksum(offered) == pinned, WHAT_IT_MEANS


@pytest.mark.parametrize(
    ("lang", "pinned"),
    [
        ("zh", "c883fba02bed25c4f179610668869e2bf598a61c8280afdff8dbb4d0f9d84b60"),
        ("en", "6721e5a57d5d191752632dbac0ccf90e23ed21ad2b4085b5ea7eaa7b91f752ba"),
    ],
    ids=["zh", "en"],
)
def test_what_people_say_is_the_same(lang: str, pinned: str) -> None:
    """Also the line that none of those samples happened to draw; comments may change."""
    names = sorted(path.name for path in files(lexicon).joinpath(lang).iterdir())
    lists = [name.removesuffix(".txt") for name in names]
    said = json.dumps({name: sections(lang, name) for name in lists}, ensure_ascii=False)
    assert checksum(said) == pinned, WHAT_IT_MEANS
