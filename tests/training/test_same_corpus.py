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
        (False, "1398cdb4da1f9763c8db7cabf690fcd0bf41cbdaeae021fe3383ba765b66edab"),
        (True, "bab8c0ba061b0924b2545bfdf787e03122fd0c12e40735644be532b54d2fe2b3"),
    ],
    ids=["seen", "unseen"],
)
def test_the_first_samples_of_the_recipe_are_the_same(*, unseen: bool, pinned: str) -> None:
    assert checksum(dump(drawn(unseen=unseen))) == pinned, WHAT_IT_MEANS


def test_the_tools_that_are_offered_are_the_same() -> None:
    offered = json.dumps([made.tools for made in drawn(unseen=False)], ensure_ascii=False)
    pinned = "c4933705597cd8875786852ee3b01edcbd4a34e9f375d01344b86b652c166044"
    assert checksum(offered) == pinned, WHAT_IT_MEANS


@pytest.mark.parametrize(
    ("lang", "pinned"),
    [
        ("zh", "ffdc6b1d00420c6e93d73da16ab7ed79c960b64f664035b5b797cc96cc81b188"),
        ("en", "045c9cf4ed34b09a8cda43ab71c4df4b9c45d8e2bf385399772915b3f23e5c05"),
    ],
    ids=["zh", "en"],
)
def test_what_people_say_is_the_same(lang: str, pinned: str) -> None:
    """Also the line that none of those samples happened to draw; comments may change."""
    names = sorted(path.name for path in files(lexicon).joinpath(lang).iterdir())
    lists = [name.removesuffix(".txt") for name in names]
    said = json.dumps({name: sections(lang, name) for name in lists}, ensure_ascii=False)
    assert checksum(said) == pinned, WHAT_IT_MEANS
