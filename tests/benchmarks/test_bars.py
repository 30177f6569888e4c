"""Whether a load fails on its bar."""

import pytest

from benchmarks.bars import Bar, judge, missed_by_far
from benchmarks.load import LOADS

REPORT = {"times": {"p99": 3.0}, "rows_per_s": 600.0, "lost": 1, "ends": {"PLANNED": 3}}


@pytest.mark.parametrize(
    ("bar", "is_met", "is_far"),
    [
        (Bar("times.p99", at_most=3.0), True, False),
        (Bar("times.p99", at_most=2.0), False, False),
        (Bar("times.p99", at_most=1.2), False, True),
        (Bar("rows_per_s", at_least=500.0), True, False),
        (Bar("rows_per_s", at_least=1_000.0), False, False),
        (Bar("rows_per_s", at_least=1_500.0), False, True),
        (Bar("lost", at_most=0), False, True),
    ],
)
def test_a_bar_is_met_missed_or_missed_by_far(bar: Bar, *, is_met: bool, is_far: bool) -> None:
    judged = judge([bar], REPORT)
    assert judged[bar.figure]["is_met"] is is_met
    assert missed_by_far(judged) == ([bar.figure] if is_far else [])


@pytest.mark.parametrize("figure", ["times", "times.p50", "nothing", "ends.PLANNED.p99"])
def test_a_bar_for_what_is_not_measured_is_an_error(figure: str) -> None:
    with pytest.raises(KeyError):
        judge([Bar(figure, at_most=1.0)], REPORT)


@pytest.mark.parametrize("name", sorted(LOADS.keys() - {"offline"}))
def test_every_load_but_one_has_a_bar(name: str) -> None:
    assert LOADS[name].bars
