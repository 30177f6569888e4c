"""Medians, spreads and ratios of what ``compare`` measured, as a Markdown table.

python -m benchmarks.peers.report benchmarks/results/peers-a.json
"""

import argparse
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

MIB: Final = 2**20


@dataclass(frozen=True, slots=True)
class Spread:
    """A median over rounds, with the lowest and the highest round."""

    middle: float
    low: float
    high: float

    def __str__(self) -> str:
        if self.low == self.high:  # one round
            return _short(self.middle)
        return f"{_short(self.middle)} ({_short(self.low)} to {_short(self.high)})"


@dataclass(frozen=True, slots=True)
class Score:
    """What one contestant reached at one number of clients."""

    key: str
    clients: int
    plans_per_s: Spread
    first_subtask_ms: Spread | None
    # round by round and for the same number of tokens in a plan: above 1 we are ahead
    rate_ratio: Spread | None
    first_ratio: Spread | None
    tokens: float | None
    forwards: float | None
    valid_share: float
    cores: float  # kept busy by the contestant, on average
    memory_mib: float


def scores(results: dict[str, Any]) -> list[Score]:
    """Return one score for each contestant and number of clients, in the order of the run."""
    cells: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for turn in results["turns"]:
        cells.setdefault((turn["key"], turn["clients"]), []).append(turn)
    return [_score(key, clients, turns, cells) for (key, clients), turns in cells.items()]


def _score(
    key: str,
    clients: int,
    turns: list[dict[str, Any]],
    cells: dict[tuple[str, int], list[dict[str, Any]]],
) -> Score:
    ours = cells.get((f"ours/{key.rpartition('/')[2]}", clients), [])
    theirs = {turn["round"]: turn for turn in turns}
    pairs = [(turn, theirs[turn["round"]]) for turn in ours if turn["round"] in theirs]
    return Score(
        key=key,
        clients=clients,
        plans_per_s=_needed([_rate(turn) for turn in turns]),
        first_subtask_ms=_spread(_first(turn) for turn in turns),
        rate_ratio=_spread(_rate(o) / _rate(t) * _shorter(o, t) for o, t in pairs),
        first_ratio=_spread(_divided(_first(t), _first(o), _shorter(o, t)) for o, t in pairs),
        tokens=_mean(turns, "tokens"),
        forwards=_mean(turns, "forwards"),
        valid_share=sum(turn["valid"] for turn in turns) / sum(turn["plans"] for turn in turns),
        cores=sum(turn["cpu_s"] for turn in turns) / sum(turn["wall_s"] for turn in turns),
        memory_mib=max(turn["peak_memory_bytes"] for turn in turns) / MIB,
    )


def _rate(turn: dict[str, Any]) -> float:
    return float(turn["plans"] / turn["wall_s"])


def _first(turn: dict[str, Any]) -> float | None:
    """Return the turn's median time to the first subtask; None where too many had none."""
    known = [ms for ms in turn["first_subtask_ms"] if ms is not None]
    return median(known) if len(known) * 2 > turn["plans"] else None


def _shorter(ours: dict[str, Any], theirs: dict[str, Any]) -> float:
    """Return how many tokens our plans have for one of theirs.

    Random weights write one text in tokens of any size where the grammar lets them; who forces the
    tokens that a trained model would write gets shorter plans, and must not be ahead by that.
    """
    own, other = _mean([ours], "tokens"), _mean([theirs], "tokens")
    return min(1.0, own / other) if own and other else 1.0


def _divided(above: float | None, below: float | None, factor: float) -> float | None:
    return above / below * factor if above is not None and below else None


def _spread(values: Iterable[float | None]) -> Spread | None:
    known = [value for value in values if value is not None]
    return _needed(known) if known else None


def _needed(values: list[float]) -> Spread:
    return Spread(median(values), min(values), max(values))


def _mean(turns: list[dict[str, Any]], what: str) -> float | None:
    numbers = [number for turn in turns for number in turn[what] if number is not None]
    return sum(numbers) / len(numbers) if numbers else None


def _short(number: float) -> str:
    return f"{number:.3g}" if abs(number) < 1000 else f"{number:.0f}"


def table(results: dict[str, Any]) -> str:
    """Return everything as Markdown; bold is where we are behind."""
    columns = (
        "contestant / precision", "clients", "plans/s", "ours ÷ theirs", "first subtask, ms",
        "theirs ÷ ours", "tokens", "forwards", "valid", "threads", "cores busy", "peak MiB",
    )  # fmt: skip
    lines = [
        f"| {' | '.join(columns)} |",
        f"|---|{'--:|' * (len(columns) - 1)}",
    ]
    ordered = sorted(scores(results), key=lambda score: score.clients)
    threads = results.get("threads", {})  # earlier runs did not keep them
    lines += [_row(score, threads.get(score.key)) for score in ordered]
    lines += [f"\nAbsent: {key}: {reason}" for key, reason in results["absent"].items()]
    return "\n".join(lines)


def _row(score: Score, threads: int | None) -> str:
    first = score.first_subtask_ms
    cells = [
        score.key,
        str(score.clients),
        str(score.plans_per_s),
        _ratio(score.rate_ratio, score.key),
        str(first) if first else "none",
        _ratio(score.first_ratio, score.key),
        "" if score.tokens is None else f"{score.tokens:.0f}",
        "" if score.forwards is None else f"{score.forwards:.0f}",
        f"{score.valid_share:.0%}",
        "" if threads is None else str(threads or "own rule"),
        f"{score.cores:.1f}",
        f"{score.memory_mib:.0f}",
    ]
    return f"| {' | '.join(cells)} |"


def _ratio(ratio: Spread | None, key: str) -> str:
    if ratio is None or key.startswith("ours/"):
        return ""
    return f"**{ratio}**" if ratio.middle < 1 else str(ratio)


def summary(results: dict[str, Any]) -> str:
    """Return one line for each contestant: medians at each number of clients."""
    known = {(score.key, score.clients): score for score in scores(results)}
    clients = sorted({number for _, number in known})
    titles: dict[str, str] = results["titles"]
    heads = [f"plans/s, {n}" for n in clients] + [f"first subtask ms, {n}" for n in clients]
    lines = [f"| | {' | '.join(heads)} |", f"|---|{'--:|' * len(heads)}"]
    for key, title in titles.items():
        row = [known.get((key, number)) for number in clients]
        cells = [_middle(score and score.plans_per_s) for score in row]
        cells += [_middle(score and score.first_subtask_ms) for score in row]
        lines.append(f"| {title}, {key.rpartition('/')[2]} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _middle(spread: Spread | None) -> str:
    return _short(spread.middle) if spread else ""


def main() -> None:
    asked = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    asked.add_argument("results", type=Path, nargs="+")
    asked.add_argument("--summary", action="store_true", help="one line for each contestant")
    given = asked.parse_args()
    for file in given.results:
        results = json.loads(file.read_text(encoding="utf-8"))
        print(f"### {file.stem}\n\n{(summary if given.summary else table)(results)}\n")


if __name__ == "__main__":
    main()
