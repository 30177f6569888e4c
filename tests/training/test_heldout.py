"""Generated worlds for the score: told in the notation, solvable, with names kept from training."""

import random
from typing import Final

import pytest

from planner_node.training.corpus.families.shares import FAMILIES
from planner_node.training.corpus.lexicon import held_out as kept_from_training
from planner_node.training.corpus.lexicon import sections, words
from planner_node.training.corpus.names import Names
from planner_node.training.corpus.plans.planning import plan
from planner_node.training.corpus.speech.phrasing import Speaker
from planner_node.training.evaluate import held_out
from planner_node.training.heldout import LANGUAGES, draw, fits, held_out_records, told
from planner_node.training.scoring.judging import judge
from planner_node.training.scoring.reference import constant
from planner_node.training.scoring.terms import Language


def test_records_come_in_both_languages_by_turns() -> None:
    spoken = [record["lang"] for record in held_out_records(6, 1)]
    assert spoken == ["zh-TW", "en"] * 3


def test_same_seed_gives_the_same_records() -> None:
    assert list(held_out_records(20, 3)) == list(held_out_records(20, 3))


def test_other_seed_gives_other_records() -> None:
    assert list(held_out_records(20, 3)) != list(held_out_records(20, 4))


def test_evaluation_reads_every_record() -> None:
    records = list(held_out(60, 2))
    assert {record.language for record in records} == set(Language)
    assert all(record.goals for record in records)


def test_a_generic_plan_reaches_no_world() -> None:
    assert not [r.record_id for r in held_out(60, 2) if judge(r, constant(r)).success]


def test_most_draws_can_be_told() -> None:
    drawn = [draw(5, index, lang) for lang in LANGUAGES for index in range(150)]
    assert sum(row is not None for row in drawn) > 0.8 * len(drawn)


def test_listed_things_are_ones_that_training_never_shows() -> None:
    """Short lists (of Chinese measure words) may leave nothing out: then theirs are drawn."""
    lists = {
        lang: [words(lang, "things", head) for head in sections(lang, "things")]
        for lang in LANGUAGES
    }
    codes = {told_as.value: lang for lang, told_as in LANGUAGES.items()}
    listed = 0
    for row in held_out_records(600, 6):
        if row["category"] not in {"move", "move_from", "keep"}:
            continue
        moved = str(row["goal"]).partition(" @ ")[0]
        homes = [names for names in lists[codes[str(row["lang"])]] if moved in names]
        listed += bool(homes)
        if homes and not kept_from_training(moved):
            assert [names for names in homes if not any(map(kept_from_training, names))], moved
    assert listed > 5  # the others are made up, or have an attribute


MOVING: Final = (
    *("move", "move_from", "deliver", "deliver_at", "distribute", "spread", "pair", "colors"),
    *("contrast", "keep", "quantity", "counted", "mixed_counts", "everything", "everything_but"),
    *("noted", "nest", "moves_in_a_row", "same_thing_again", "told_where"),
)


@pytest.mark.slow
@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("family", MOVING)
def test_plans_of_a_moving_family_are_read_and_accepted_by_the_scorer(
    family: str, lang: str
) -> None:
    told_of = []
    for number in range(25):
        rng = random.Random(f"accepted {family} {lang} {number}")
        try:
            intents = FAMILIES[family][1](Names(rng, lang, unseen=True))
        except LookupError:  # no fresh name was left to draw
            continue
        made = plan(intents)
        row = told(intents, made, lang)
        if made.reached() and row is not None:
            row |= {"id": "world", "say": Speaker(rng, lang).instruction(intents)}
            told_of.append(fits(row, made, lang))
    assert len(told_of) >= 15
    assert all(told_of)
