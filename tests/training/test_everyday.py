"""The everyday set: every record can be solved, and by nothing that does not read it."""

from collections import Counter
from typing import Final

import pytest

from planner_node.training.scoring.judging import judge
from planner_node.training.scoring.records import Record
from planner_node.training.scoring.reference import constant, rule_written
from planner_node.training.scoring.terms import Language
from planner_node.training.scoring.testset import FOLDER, load_test_set
from planner_node.training.scoring.text import normal

RECORDS: Final = load_test_set(FOLDER.parent / "everyday")


def test_both_languages_and_all_domains_are_there() -> None:
    for language in Language:
        domains = Counter(r.category for r in RECORDS if r.language is language)
        assert set(domains) == {"home", "office", "care", "work"}
        assert min(domains.values()) >= 18


def test_ids_and_instructions_are_unique_and_not_the_test_set_s() -> None:
    kept_apart = {normal(r.instruction) for r in load_test_set()}
    said = {normal(r.instruction) for r in RECORDS}
    assert len(said) == len(RECORDS) == len({r.record_id for r in RECORDS})
    assert not said & kept_apart


@pytest.mark.parametrize("record", RECORDS, ids=lambda r: r.record_id)
def test_reference_plan_passes_and_a_plan_that_reads_nothing_does_not(record: Record) -> None:
    assert judge(record, rule_written(record)).success
    assert not judge(record, constant(record)).success
