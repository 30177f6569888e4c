"""Tables of what came last after a run of ids."""

from planner_node.engine.ngrams import NgramTable, ngram_keys


def follower(table: NgramTable, run: tuple[int, ...]) -> int | None:
    return table.follower(ngram_keys(run, len(run))[-1])


def test_table_knows_what_came_last_after_a_run() -> None:
    table = NgramTable()
    table.learn([1, 2, 3, 1, 2, 4], 0)
    assert follower(table, (1, 2)) == 4
    assert follower(table, (2, 3)) == 1
    assert follower(table, (9,)) is None


def test_table_learns_only_what_is_new() -> None:
    table = NgramTable()
    table.learn([1, 2, 3], 2)
    assert follower(table, (1,)) is None
    assert follower(table, (1, 2)) == 3
