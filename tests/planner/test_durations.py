"""Counts by upper bound, as a metrics page wants them."""

from math import inf

from planner_node.planner.durations import Durations


def test_each_bucket_counts_all_that_took_no_longer() -> None:
    durations = Durations((0.1, 1))
    for seconds in (0.05, 0.1, 0.5, 7.0):
        durations.note(seconds)
    assert durations.buckets() == ((0.1, 2), (1, 3), (inf, 4))
    assert durations.sum_s == 7.65
