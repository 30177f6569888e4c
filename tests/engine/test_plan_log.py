"""The log of recent outputs: places stay, runs lead to their latest one, the oldest goes."""

from planner_node.engine.ngrams import LONGEST_NGRAM, ngram_keys
from planner_node.engine.plan_log import END, OUTPUT, PROMPT, PlanLog


def place_behind(log: PlanLog, *run: int) -> int | None:
    return log.place_behind(ngram_keys(run, len(run))[-1])


def test_a_run_leads_behind_its_latest_occurrence() -> None:
    log = PlanLog(100)
    log.learn([1, 2, 3], 0, 0)
    log.learn([1, 2, 4], 0, 0)
    place = place_behind(log, 1, 2)
    assert place is not None
    assert log.id_at(place) == 4
    assert log.row_at(place).begin == log.latest
    assert place_behind(log, 9) is None


def test_what_stands_before_an_output_is_no_place_of_it() -> None:
    log = PlanLog(100)
    log.learn([7, 8, 1, 2], 2, 2)
    begin = place_behind(log, 7, 8)
    assert begin == log.latest == 0
    assert log.ids_at(0, 5) == (1, 2, END)
    assert place_behind(log, 7) is None


def test_a_run_of_a_prompt_is_not_one_of_an_output() -> None:
    log = PlanLog(100)
    log.learn([1, 2, 3, 1, 2, 4], 0, 3)
    of_prompt, of_output = (
        log.place_behind(ngram_keys([1, 2], 2, kind)[-1]) for kind in (PROMPT, OUTPUT)
    )
    assert (of_prompt, of_output) == (2, 5)


def test_an_output_ends_and_so_does_all_that_is_known() -> None:
    log = PlanLog(100)
    assert log.latest is None
    log.learn([1, 2], 0, 0)
    assert [log.id_at(place) for place in (-1, 0, 1, 2, 3)] == [END, 1, 2, END, END]


def test_rows_that_are_all_alike_do_not_fill_the_log() -> None:
    log = PlanLog(1_000)
    for _ in range(2_000):
        log.learn([1, 2, 3, 4], 0, 2)
    assert len(log._ids) <= 2 * (1_000 + 5)
    place = place_behind(log, 3)
    assert place is not None
    assert log.id_at(place) == 4


def test_log_is_bounded_and_keeps_what_is_young() -> None:
    log = PlanLog(1_000)
    for start in range(0, 100_000, 100):
        log.learn(list(range(start, start + 100)), 0, 0)
    assert len(log) <= 2 * (1_000 + 100 * LONGEST_NGRAM)
    assert len(log._ids) <= 2 * 101 * (1_000 // (100 * LONGEST_NGRAM) + 2)
    place = place_behind(log, 99_998)
    assert place is not None
    assert log.id_at(place) == 99_999
    assert place_behind(log, 10) is None
    assert log.latest is not None
    assert log.id_at(log.latest) == 99_900


PARTS = [1, 2, 9, 1, 3, 9, 4, 9]  # of an output, each up to a 9


def log_of_parts(*asked: int) -> PlanLog:
    log = PlanLog(1_000)
    log.learn([*asked, *PARTS], 0, len(asked), frozenset([9]))
    return log


def test_a_part_leads_to_the_latest_that_begins_alike() -> None:
    log = log_of_parts()
    assert [log.part_like(part) for part in ([1], [1, 2, 5], [1, 4], [4], [5])] == [
        3,
        0,
        3,
        6,
        None,
    ]


def test_a_part_leads_to_what_came_after_its_like() -> None:
    log = log_of_parts()
    assert [log.part_after(part) for part in ([1, 2], [1], [4], [5])] == [3, 6, None, None]


def test_ids_that_a_row_was_asked_with_are_copied() -> None:
    log = log_of_parts(7, 3, 9, 8, 1, 3)
    output = 6
    assert [log.copied(output + at) for at in (0, 1, 3, 4, 6)] == [1, 0, 2, 2, 0]
    assert log.row_at(output).words == {7, 3, 9, 8, 1}


def test_what_is_forgotten_is_no_row_and_copied_nothing() -> None:
    log = log_of_parts(1)
    for start in range(100, 6_000, 100):
        log.learn(list(range(start, start + 100)), 0, 50)
    assert log.row_at(0).asked == ()
    assert log.copied(0) == 0
    assert log.part_like([1, 2]) is None
    assert len(log._rows) < 20
