"""The corpus is the one that the embedded weights were trained on last, to the letter."""

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
        (False, "fba61f0b5d9378300340e98a7546946bf0dfe05c7c5d604c78e77c908ed8a2a1"),
        (True, "2996a3f71521c511896b6670d6b0e546cd57725bf99e0865c11cda6691845d9a"),
    ],
    ids=["seen", "unseen"],
)
def test_the_first_samples_of_the_recipe_are_the_same(*, unseen: bool, pinned: str) -> None:
    assert checksum(dump(drawn(unseen=unseen))) == pinned, WHAT_IT_MEANS


def test_the_tools_that_are_offered_are_the_same() -> None:
    offered = json.dumps([made.tools for made in drawn(unseen=False)], ensure_ascii=False)
    pinned = "4675b3d14d3d15ccb75be1f4791367696b5f60ec47292630a4696c5bcf57dcd3"
    assert checksum(offered) == pinned, WHAT_IT_MEANS


@pytest.mark.parametrize(
    ("lang", "pinned"),
    [
        ("zh", "2934e4864e01521b6970818a509fa3bbef3d1714e201b1bcd3ab822d9c580d60"),
        ("en", "6692e61600e2deba7b47230f81cdc010a6f87167b6a86c9a38f59864e4286904"),
    ],
    ids=["zh", "en"],
)
def test_what_people_say_is_the_same(lang: str, pinned: str) -> None:
    """Also the line that none of those samples happened to draw; comments may change."""
    names = sorted(path.name for path in files(lexicon).joinpath(lang).iterdir())
    lists = [name.removesuffix(".txt") for name in names]
    said = json.dumps({name: sections(lang, name) for name in lists}, ensure_ascii=False)
    assert checksum(said) == pinned, WHAT_IT_MEANS
