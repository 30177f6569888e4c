"""What a writer learns of its disk: its own time, not that of a busy machine."""

import sqlite3

import pytest

from planner_node.journal import writer
from planner_node.journal.pace import Pace
from planner_node.journal.store import Journal
from tests.fakes.record import a_record

QUICK_S, SLOW_S = 0.0003, 0.005
BUSY_S = 0.020  # a group of a busy machine, whatever its disk
QUICK_DISK_WAIT_S = 0.004  # what planner/crowd.py takes for long where the disk is quick


def after(commits: int, disk_s: float, taken_s: float = BUSY_S) -> Pace:
    pace = Pace(commit_wait_ms=2)
    for _ in range(commits):
        pace.count(errands=15, taken_s=taken_s, disk_s=disk_s)
    return pace


@pytest.mark.parametrize("commits", [1, 1_000])
def test_a_slow_disk_makes_long_waits_usual(commits: int) -> None:
    pace = after(commits, SLOW_S)
    assert pace.usual_wait_s > 2 * SLOW_S + pace.patience_s


def test_a_busy_machine_with_a_quick_disk_does_not() -> None:
    assert after(1_000, QUICK_S).usual_wait_s < QUICK_DISK_WAIT_S


def test_some_slow_commits_do_not_make_a_quick_disk_slow() -> None:
    pace = after(100, QUICK_S)
    for number in range(1_000):
        pace.count(errands=15, taken_s=BUSY_S, disk_s=QUICK_S if number % 3 else SLOW_S)
    assert pace.usual_wait_s < 2 * SLOW_S


def test_a_disk_that_turns_slow_is_learnt() -> None:
    pace = after(100, QUICK_S)
    for _ in range(200):
        pace.count(errands=15, taken_s=BUSY_S, disk_s=SLOW_S)
    assert pace.usual_wait_s > 2 * SLOW_S


async def test_the_journal_knows_its_disk_by_its_commits(
    real: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(connection: sqlite3.Connection) -> float:
        connection.execute("COMMIT")
        return SLOW_S

    monkeypatch.setattr(writer, "_committed_s", slow)
    await real.admit(a_record(), [])
    assert real.usual_wait_s == pytest.approx(3 * SLOW_S)
    await real.close()
    assert real.usual_wait_s == 0
