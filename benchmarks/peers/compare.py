"""Measures contestants side by side: the same prompts, schema and greedy decoding, in turns.

    python -m benchmarks.peers.compare A                    # what needs no other environment
    python -m benchmarks.peers.compare A B --peers all      # after python -m benchmarks.peers.setup

All are loaded and warmed up first, each with the number of threads that is best for it (see
``trial``). Then, round by round and for each number of clients, one after the other works off the
same prompts while all the others are stopped. No prompt comes twice. A
turn during which other processes took more than a tenth of the machine is repeated, with new
prompts. What was measured is written after every turn: an interrupted run leaves what it has.
"""

import argparse
import math
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Final

from benchmarks.machine import describe
from benchmarks.peers import setup, workload
from benchmarks.peers.disturbance import Watch
from benchmarks.peers.judge import Judge
from benchmarks.peers.plot import draw
from benchmarks.peers.protocol import read_workload
from benchmarks.peers.report import table
from benchmarks.peers.roster import MOST_WAVES, Entry, chosen
from benchmarks.peers.seat import ContestantFailed, Seat
from benchmarks.peers.trial import Found, find, wall_s
from benchmarks.results import command_of, keep

OTHERS_LIMIT: Final = 0.1
LEAST_JOBS: Final = 2


@dataclass(frozen=True, slots=True)
class Plan:
    """How often and how much."""

    rounds: int
    threads: tuple[int, ...]  # tried for each contestant
    clients: tuple[int, ...]
    repeats: int
    limit_s: float


@dataclass(slots=True)
class Match:
    """One model's comparison: who sits there, what was asked, what came back."""

    model: str
    name: str  # of the file of results
    plan: Plan
    judge: Judge
    prompts: Iterator[int]
    seats: list[Seat] = field(default_factory=list)
    trials: dict[str, dict[int, float | None]] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)
    turns: list[dict[str, Any]] = field(default_factory=list)

    def seat(self, entries: list[Entry], work: Path, stack: ExitStack) -> None:
        """Start everybody with the threads that suit them best; name who cannot play, and why."""
        for entry in entries:
            try:
                found = find(entry, work, self.plan.threads, self._take, stack)
            except ContestantFailed as failed:
                self.absent[entry.key] = str(failed)
                print(f"! {failed}", flush=True)
            else:
                self.seats.append(found.seat)
                self.trials[entry.key] = found.rates
                print(_found(found), flush=True)

    def play(self) -> None:
        """Measure round by round, and keep what was measured after every turn."""
        begun_s = time.monotonic()
        for round_ in range(self.plan.rounds):
            spent_s = time.monotonic() - begun_s
            if round_ and spent_s * (round_ + 1) / round_ > self.plan.limit_s:
                print(f"no time for more than {round_} rounds", flush=True)
                return
            for clients in self.plan.clients:
                for seat, jobs in list(self._order(round_, clients)):
                    self._turn(seat, jobs, round_, clients)
                    keep(self.name, self.report())

    def report(self) -> dict[str, Any]:
        references = {s.entry.precision: s.entry.key for s in self.seats if s.entry.is_reference}
        return {
            "model": self.model,
            "command": command_of("benchmarks.peers.compare"),
            "machine": describe(),
            "commit": _commit(),
            "peers": setup.pinned(),
            "threads": {seat.entry.key: seat.threads for seat in self.seats},  # 0: the node's rule
            "trials_plans_per_s": self.trials,
            "titles": {seat.entry.key: seat.entry.title for seat in self.seats},
            "load_s": {seat.entry.key: round(seat.load_s, 1) for seat in self.seats},
            "absent": self.absent,
            "same_text_as_transformers": {
                seat.entry.key: self.judge.agreement(seat.entry.key, references[precision])
                for seat in self.seats
                if (precision := seat.entry.precision) in references
            },
            "turns": self.turns,
        }

    def _take(self, number: int) -> list[int]:
        return list(islice(self.prompts, number))

    def _order(self, round_: int, clients: int) -> Iterator[tuple[Seat, list[int]]]:
        """Yield who is asked what; each round another one begins."""
        asked = [seat for seat in self.seats if clients in seat.entry.clients]
        least, most = max(clients, LEAST_JOBS), MOST_WAVES[self.model]
        prompts = self._take(least * most)
        first = round_ % max(1, len(asked))
        for seat in asked[first:] + asked[:first]:
            yield seat, prompts[: least * min(seat.entry.waves, most)]

    def _turn(self, seat: Seat, jobs: list[int], round_: int, clients: int) -> None:
        """Measure one contestant; of disturbed repetitions the calmest counts."""
        tries: list[dict[str, Any]] = []
        try:
            while len(tries) <= self.plan.repeats:
                tries.append(self._ask(seat, jobs, clients))
                if tries[-1]["others_share"] <= OTHERS_LIMIT:
                    break
                jobs = self._take(len(jobs))
        except ContestantFailed as failed:
            self.absent[seat.entry.key] = str(failed)
            self.seats.remove(seat)
            seat.end()
            print(f"! {failed}", flush=True)
        if tries:
            best = min(tries, key=lambda turn: turn["others_share"])
            turn = {"round": round_, "clients": clients, "key": seat.entry.key, **best}
            self.turns.append(turn)
            print(_line(turn), flush=True)

    def _ask(self, seat: Seat, jobs: list[int], clients: int) -> dict[str, Any]:
        watch = Watch()
        told = seat.ask(jobs, clients)
        others_share = watch.others_share(told["cpu_s"])
        answers = told["answers"]
        valid = [self.judge.hear(seat.entry.key, a["number"], a["text"]) for a in answers]
        return {
            "plans": len(answers),
            "valid": sum(valid),
            "wall_s": round(wall_s(answers), 6),
            "cpu_s": round(told["cpu_s"], 3),
            "others_share": round(others_share, 3),
            "peak_memory_bytes": told["peak_memory_bytes"],
            "first_subtask_ms": [_since(answer, "first_subtask_s") for answer in answers],
            "latency_ms": [_since(answer, "ended_s") for answer in answers],
            "tokens": [answer["tokens"] for answer in answers],
            "forwards": [answer["forwards"] for answer in answers],
        }


def _since(answer: dict[str, Any], what: str) -> float | None:
    return None if answer[what] is None else round((answer[what] - answer["begun_s"]) * 1000, 3)


def _found(found: Found) -> str:
    seat = found.seat
    threads = f"{seat.threads} threads" if seat.threads else "threads by its own rule"
    return f"{seat.entry.key} loaded in {seat.load_s:.1f} s, {threads}; plans/s: {found.rates}"


def _line(turn: dict[str, Any]) -> str:
    return (
        f"round {turn['round']}  {turn['clients']:3} clients  {turn['key']:22} "
        f"{turn['plans'] / turn['wall_s']:8.2f} plans/s  others {turn['others_share']:.0%}"
    )


def _commit() -> str:
    command = ["git", "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def load(
    model: str, names: list[str], plan: Plan, stack: ExitStack, *, is_varied: bool = False
) -> Match:
    """Write what is asked, and seat everybody named."""
    file = workload.write(model, is_varied=is_varied)
    work = read_workload(file)
    # what everybody took part in is what the documents show: a smaller run is kept beside it
    kinds = ("-varied" if is_varied else "", "" if names == ["all"] else "-part")
    name = f"peers-{model.lower()}{''.join(kinds)}"
    match = Match(model, name, plan, Judge(work.schema), iter(range(len(work.jobs))))
    match.seat(chosen(model, names), file, stack)
    return match


def show(match: Match) -> None:
    """Draw the picture, and print the table."""
    results = match.report()
    picture = keep(match.name, results).with_suffix(".svg")
    picture.write_text(draw(results), encoding="utf-8")
    print(f"{table(results)}\n\n→ {picture}", flush=True)


def main() -> None:
    asked = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    asked.add_argument("models", nargs="+", choices=["A", "B"])
    asked.add_argument("--peers", nargs="*", default=[], help="names, name/precision, or all")
    asked.add_argument("--rounds", type=int, default=5)
    asked.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="tried for each")
    asked.add_argument("--clients", type=int, nargs="+", default=[1, 8, 16, 32])
    asked.add_argument("--repeats", type=int, default=2, help="of a disturbed turn, at most")
    asked.add_argument("--limit-s", type=float, default=math.inf, help="for one model's rounds")
    asked.add_argument("--varied", action="store_true", help="hardly two sentences are alike")
    asked.add_argument("--wait", action="store_true", help="measure when Enter is pressed")
    given = asked.parse_args()
    plan = Plan(
        given.rounds, tuple(given.threads), tuple(given.clients), given.repeats, given.limit_s
    )
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the stopped would outlive us
    with ExitStack() as stack:
        matches = [
            load(model, given.peers, plan, stack, is_varied=given.varied) for model in given.models
        ]
        if given.wait:
            print("everybody is loaded: press Enter to measure", flush=True)
            sys.stdin.readline()
        for match in matches:
            match.play()
            show(match)


if __name__ == "__main__":
    main()
