"""Shares, their intervals, and the report that is made of them."""

from typing import Final

import pytest

from planner_node.training.scoring.answers import Answer, plan
from planner_node.training.scoring.judging import Verdict, judge
from planner_node.training.scoring.notation import read_record
from planner_node.training.scoring.report import as_json, by_category, by_reason, headline, render
from planner_node.training.scoring.statistics import Share, share
from planner_node.training.scoring.terms import AnswerKind, Language, Reason

ZH: Final = read_record({"id": "zh-1", "say": "開燈", "goal": "ON 燈"}, "unseen", Language.ZH)
EN: Final = read_record({"id": "en-1", "say": "lamp on", "goal": "ON lamp"}, "light", Language.EN)
NO: Final = read_record({"id": "en-2", "say": "Hi", "codes": "NOT_A_TASK"}, "decline", Language.EN)
REFUSAL: Final = Answer(AnswerKind.DECLINE, text="No.", code="NOT_A_TASK")


@pytest.fixture
def verdicts() -> list[Verdict]:
    return [
        judge(ZH, plan("找到燈", "打開燈")),
        judge(EN, REFUSAL),
        judge(NO, REFUSAL),
        judge(EN, plan("Find the lamp")),
    ]


def measure(verdicts: list[Verdict], name: str) -> Share:
    return {m.name: m.share for m in headline(verdicts)}[name]


@pytest.mark.parametrize(
    ("hits", "total", "low", "high"),
    [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (29, 59, 0.3684, 0.6156), (0, 0, 0.0, 1.0)],
)
def test_wilson_interval(hits: int, total: int, low: float, high: float) -> None:
    assert Share(hits, total).bounds == pytest.approx((low, high), abs=5e-4)


def test_share_counts_the_true_ones() -> None:
    assert share([True, False, True]) == Share(2, 3)


def test_headline_counts_successes_by_language(verdicts: list[Verdict]) -> None:
    assert measure(verdicts, "all checks hold") == Share(2, 4)
    assert measure(verdicts, "all checks hold, zh-TW") == Share(1, 1)
    assert measure(verdicts, "all checks hold, en") == Share(1, 3)


def test_headline_counts_good_tasks_declined(verdicts: list[Verdict]) -> None:
    assert measure(verdicts, "good tasks declined") == Share(1, 3)


def test_headline_counts_right_kinds(verdicts: list[Verdict]) -> None:
    assert measure(verdicts, "right one of three answers") == Share(3, 4)


def test_headline_counts_copied_names(verdicts: list[Verdict]) -> None:
    assert measure(verdicts, "names copied exactly") == Share(2, 2)
    assert measure(verdicts, "unseen names copied") == Share(1, 1)


def test_kinds_are_listed_worst_first(verdicts: list[Verdict]) -> None:
    assert [name for name, _ in by_category(verdicts)] == ["light", "unseen", "decline"]


def test_reasons_are_counted(verdicts: list[Verdict]) -> None:
    assert by_reason(verdicts) == {Reason.WRONG_KIND: 1, Reason.GOAL: 1}


def test_text_names_failures_and_baselines(verdicts: list[Verdict]) -> None:
    text = render(verdicts)
    assert "copy of the instruction" in text
    assert "en-1: lamp on\n    decline NOT_A_TASK: No." in text


def test_json_holds_every_failure(verdicts: list[Verdict]) -> None:
    failures = as_json(verdicts)["failures"]
    assert isinstance(failures, list)
    assert [failure["id"] for failure in failures] == ["en-1", "en-1"]
