"""The hand-written development set: solvable, of every kind, and in no frame of the generator."""

import random
from collections import Counter
from typing import Final

import pytest

from planner_node.training.corpus.families.shares import FAMILIES
from planner_node.training.corpus.names import Names
from planner_node.training.corpus.speech.phrasing import Speaker
from planner_node.training.familiar import can_be_generated, familiar
from planner_node.training.scoring.records import Record
from planner_node.training.scoring.terms import Language
from planner_node.training.scoring.testset import FOLDER, load_test_set

RECORDS: Final = load_test_set(FOLDER.parent / "devset")


def test_set_is_large_half_chinese_and_of_all_kinds() -> None:
    languages = Counter(record.language for record in RECORDS)
    kinds = {lang: {r.category for r in RECORDS if r.language is lang} for lang in Language}
    assert len(RECORDS) >= 120
    assert languages[Language.ZH] * 2 >= len(RECORDS)
    assert kinds[Language.ZH] == kinds[Language.EN] == {r.category for r in load_test_set()}


@pytest.mark.slow
@pytest.mark.parametrize("record", RECORDS, ids=lambda r: r.record_id)
def test_no_pattern_of_the_generator_can_say_it(record: Record) -> None:
    assert not familiar(record)


@pytest.mark.slow
@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("family", ["move", "deliver", "moves_in_a_row", "spread"])
def test_what_the_generator_says_is_recognised(family: str, lang: str) -> None:
    known = 0
    for number in range(40):
        names = Names(random.Random(f"dev {family}{lang}{number}"), lang)
        intents = FAMILIES[family][1](names)
        known += can_be_generated(Speaker(names.rng, lang).instruction(intents), names.used, lang)
    assert known >= 20  # typing habits hide the others
