"""Finds how many threads a contestant is fastest with, before anything counts.

One process for each number of threads is loaded, warmed up and asked the same prompts in turns;
the fastest stays, the others end. Our own engine may also leave the number to its own rule, which
is what the node does where nobody sets ``engine.threads``.
"""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, Final

from benchmarks.peers.roster import Entry
from benchmarks.peers.seat import LOAD_LIMIT_S, ContestantFailed, Seat

ROWS: Final = 32
WARM_UP: Final = ((1, 1), (4, 4))  # clients, jobs
ASKED: Final = ((1, 2), (8, 8))  # clients, jobs
REPETITIONS: Final = 2  # of which the faster counts: what else the machine did only slows down
OWN_RULE: Final = 0

Take = Callable[[int], list[int]]  # how many prompts → their numbers, never the same twice


@dataclass(frozen=True, slots=True)
class Found:
    """The seat that stays, and what each number of threads reached.

    ``rates`` are geometric means over the numbers of clients, plans/s; None could not be started.
    """

    seat: Seat
    rates: dict[int, float | None]


def find(entry: Entry, work: Path, threads: tuple[int, ...], take: Take, stack: ExitStack) -> Found:
    """Return the contestant at its best; raise ContestantFailed when no number works."""
    counts = (OWN_RULE, *threads) if entry.is_ours else threads
    failures: list[ContestantFailed] = []
    seats: list[Seat] = []
    for count in counts:
        seat = Seat(entry, work, ROWS, count)
        try:
            stack.enter_context(seat)
            for clients, jobs in WARM_UP:
                seat.ask(take(jobs), clients, LOAD_LIMIT_S)
        except ContestantFailed as failed:
            failures.append(failed)
            seat.end()
        else:
            seats.append(seat)
    if not seats:
        raise failures[-1]
    return Found(seats[0], {}) if len(counts) == 1 else fastest(seats, counts, take)


def fastest(seats: list[Seat], counts: tuple[int, ...], take: Take) -> Found:
    """Ask seats that are the same but for their threads, and end all but the fastest."""
    reached = {seat.threads: mean for seat, mean in zip(seats, _means(seats, take), strict=True)}
    best = max(seats, key=lambda seat: reached[seat.threads])
    for seat in seats:
        if seat is not best:
            seat.end()
    return Found(best, {count: reached.get(count) for count in counts})


def _means(seats: list[Seat], take: Take) -> list[float]:
    """Return each seat's geometric mean, plans/s, of its best repetitions."""
    best = [[0.0] * len(ASKED) for _ in seats]
    for _ in range(REPETITIONS):
        for place, (clients, jobs) in enumerate(ASKED):
            numbers = take(jobs)
            for rates, seat in zip(best, seats, strict=True):
                answers = seat.ask(numbers, clients)["answers"]
                rates[place] = max(rates[place], jobs / wall_s(answers))
    return [round(prod(rates) ** (1 / len(rates)), 4) for rates in best]


def wall_s(answers: list[dict[str, Any]]) -> float:
    """Return the seconds from the first question to the last answer."""
    ended_s = max(answer["ended_s"] for answer in answers)
    return float(ended_s - min(answer["begun_s"] for answer in answers))
