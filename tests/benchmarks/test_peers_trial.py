"""The number of threads that a contestant is measured with."""

from contextlib import ExitStack
from itertools import count, islice
from pathlib import Path
from typing import Any

import pytest

from benchmarks.peers.roster import Entry
from benchmarks.peers.seat import ContestantFailed, Seat
from benchmarks.peers.trial import fastest, find

ENTRY = Entry("peer", "a peer", "peer", "no_such_peer", "fp32")


class Timed(Seat):
    """Takes a given time for each answer, one after the other, and is in no process."""

    def __init__(self, threads: int, answer_s: float, folder: Path) -> None:
        super().__init__(ENTRY, folder, rows=1, threads=threads, logs=folder)
        self._answer_s = answer_s
        self.asked: list[int] = []
        self.has_ended = False

    def ask(self, jobs: list[int], clients: int, limit_s: float = 0.0) -> dict[str, Any]:
        del clients, limit_s
        self.asked += jobs
        spans = [(n * self._answer_s, (n + 1) * self._answer_s) for n in range(len(jobs))]
        return {"answers": [{"begun_s": begun, "ended_s": ended} for begun, ended in spans]}

    def end(self) -> None:
        self.has_ended = True


def test_the_fastest_number_of_threads_stays_and_all_were_asked_the_same(tmp_path: Path) -> None:
    numbers = count()
    slow, quick = Timed(1, 0.5, tmp_path), Timed(2, 0.25, tmp_path)
    found = fastest([slow, quick], (1, 2, 3), lambda n: list(islice(numbers, n)))
    assert found.seat is quick
    assert (slow.has_ended, quick.has_ended) == (True, False)
    assert found.rates == {1: 2.0, 2: 4.0, 3: None}
    assert slow.asked == quick.asked
    assert len(set(slow.asked)) == len(slow.asked)


def test_who_starts_with_no_number_of_threads_fails(tmp_path: Path) -> None:
    with ExitStack() as stack, pytest.raises(ContestantFailed, match="no environment"):
        find(ENTRY, tmp_path, (1, 2), lambda n: list(range(n)), stack)
