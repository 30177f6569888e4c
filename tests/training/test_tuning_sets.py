"""What holds for the records of both sets that are for tuning."""

from collections import Counter
from typing import Final

import pytest

from planner_node.training.scoring.judging import judge
from planner_node.training.scoring.records import Record
from planner_node.training.scoring.reference import constant, rule_written
from planner_node.training.scoring.terms import Language
from planner_node.training.scoring.testset import FOLDER, load_test_set
from planner_node.training.scoring.text import normal, simplified_characters

SETS: Final = {name: load_test_set(FOLDER.parent / name) for name in ("devset", "everyday")}
RECORDS: Final = [record for records in SETS.values() for record in records]


@pytest.mark.parametrize("name", SETS)
def test_ids_and_instructions_are_unique_and_not_the_test_set_s(name: str) -> None:
    kept_apart = {normal(r.instruction) for r in load_test_set()}
    said = Counter(normal(r.instruction) for r in SETS[name])
    assert max(said.values()) == 1 == max(Counter(r.record_id for r in SETS[name]).values())
    assert sum(text in kept_apart for text in said) == 0


@pytest.mark.parametrize("record", RECORDS, ids=lambda r: r.record_id)
def test_reference_plan_passes_and_a_plan_that_reads_nothing_does_not(record: Record) -> None:
    verdict = judge(record, rule_written(record))
    assert verdict.success, verdict.notes
    assert not judge(record, constant(record)).success


@pytest.mark.parametrize("record", RECORDS, ids=lambda r: r.record_id)
def test_every_entity_is_named_and_chinese_is_traditional(record: Record) -> None:
    said = normal(record.instruction)
    named = [e for e in record.entities if not e.tool]
    assert not [e.names for e in named if not any(normal(name) in said for name in e.names)]
    assert record.language is Language.EN or not simplified_characters(record.instruction)
