"""The hand-written test set holds together."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from planner_node.training.scoring.answers import Answer
from planner_node.training.scoring.judging import judge
from planner_node.training.scoring.notation import read_record
from planner_node.training.scoring.records import Record
from planner_node.training.scoring.reference import (
    constant,
    copy,
    empty,
    rule_written,
)
from planner_node.training.scoring.terms import AnswerKind, Language
from planner_node.training.scoring.testset import load_test_set
from planner_node.training.scoring.text import normal, simplified_characters

RECORDS: Final = load_test_set()
CODES: Final = {"NOT_A_TASK", "UNSAFE", "IMPOSSIBLE"}


def test_set_is_large_and_at_least_half_chinese() -> None:
    languages = Counter(record.language for record in RECORDS)
    assert len(RECORDS) >= 300
    assert languages[Language.ZH] >= len(RECORDS) / 2


def test_ids_are_unique() -> None:
    ids = Counter(record.record_id for record in RECORDS)
    assert [name for name, count in ids.items() if count > 1] == []


def test_instructions_are_unique() -> None:
    said = Counter(normal(record.instruction) for record in RECORDS)
    assert [text for text, count in said.items() if count > 1] == []


def test_every_kind_stands_in_both_languages() -> None:
    kinds = {language: set[str]() for language in Language}
    for record in RECORDS:
        kinds[record.language].add(record.category)
    assert kinds[Language.ZH] == kinds[Language.EN]


def test_every_entity_is_named_by_its_instruction() -> None:
    silent = [
        (record.record_id, entity.names)
        for record in RECORDS
        for entity in record.entities
        if not entity.tool
        and not any(normal(name) in normal(record.instruction) for name in entity.names)
    ]
    assert silent == []


def test_every_plan_record_asks_for_something() -> None:
    plans = [record for record in RECORDS if record.kind is AnswerKind.PLAN]
    assert [record.record_id for record in plans if not record.goals] == []


def test_declined_records_know_their_code() -> None:
    declined = [record for record in RECORDS if record.kind is AnswerKind.DECLINE]
    assert [r.record_id for r in declined if not r.codes or r.codes - CODES] == []


def test_all_three_codes_are_asked_for_in_both_languages() -> None:
    asked = {(r.language, code) for r in RECORDS for code in r.codes}
    assert asked == {(language, code) for language in Language for code in CODES}


def test_chinese_instructions_are_traditional() -> None:
    chinese = [r for r in RECORDS if r.language is Language.ZH]
    rare = "凇"  # 霧凇, rime: right in Taiwan, and not in Big5
    drifted = {
        r.record_id: found
        for r in chinese
        if (found := simplified_characters(r.instruction).strip(rare))
    }
    assert drifted == {}


@pytest.mark.slow
def test_rule_written_answer_passes_every_record() -> None:
    failed = {
        verdict.record.record_id: verdict.notes
        for verdict in (judge(record, rule_written(record)) for record in RECORDS)
        if not verdict.success
    }
    assert failed == {}


@pytest.mark.parametrize("baseline", [empty, constant])
def test_answer_that_reads_nothing_never_passes(baseline: Callable[[Record], Answer]) -> None:
    assert not any(judge(record, baseline(record)).success for record in RECORDS)


@pytest.mark.slow
def test_copied_instruction_passes_only_where_one_step_is_the_task() -> None:
    passed = [r.record_id for r in RECORDS if judge(r, copy(r)).success]
    assert len(passed) <= 0.02 * len(RECORDS)


def test_unknown_field_is_refused_with_the_record_s_id() -> None:
    with pytest.raises(ValueError, match=r"zh-x-01.*gaol"):
        read_record({"id": "zh-x-01", "say": "把杯子拿來", "gaol": "杯子 @ 桌"}, "x", Language.ZH)


def test_unknown_verb_is_refused_with_the_record_s_id() -> None:
    with pytest.raises(ValueError, match="zh-x-02"):
        read_record({"id": "zh-x-02", "say": "飛", "goal": "FLY 家"}, "x", Language.ZH)


def test_names_of_nobody_are_refused() -> None:
    row = {"id": "en-x-03", "say": "go", "goal": "GO hall", "names": {"cup": "mug"}}
    with pytest.raises(ValueError, match="cup"):
        read_record(row, "x", Language.EN)


def test_file_names_tell_the_language() -> None:
    folder = Path(__file__).parents[2] / "planner_node" / "training" / "testset"
    assert {path.name[:2] for path in folder.glob("*.yaml")} == {"zh", "en"}
