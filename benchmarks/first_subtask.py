"""What it gives and costs to let rows without a first subtask go ahead of the others.

    python -m benchmarks.first_subtask --keep first_subtask

The embedded model and the plans of ``engine_steps``, with several numbers of urgent steps between
two steps of all rows; 0 is everybody at every step. All of them do the same plans in turns.
"""

import planner_node.engine  # noqa: F401  isort: skip  before torch: sets how its threads wait

import argparse
from statistics import median
from typing import Any, Final

import torch

from benchmarks.engine_steps import Bench, Round
from benchmarks.machine import describe
from benchmarks.plan_requests import Workload, workload_of
from benchmarks.results import command_of, keep

FIGURES: Final = ("plans_per_s", "first_subtask_ms", "cpu_ms_a_plan", "forwards_per_token")


def compare(workload: Workload, rows: int, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Return the figures of each number of urgent steps, over rounds of equal plans in turns."""
    benches = {
        steps: Bench(workload, rows, options.threads, urgent_steps=steps) for steps in options.steps
    }
    num_plans = max(options.plans, 4 * rows)
    rounds: list[dict[int, Round]] = [
        {steps: bench.round(num_plans) for steps, bench in benches.items()}
        for _ in range(options.rounds + 1)
    ]
    return [
        {"rows": rows, "urgent_steps": steps, **_figures([r[steps] for r in rounds[1:]])}
        for steps in benches
    ]


def _figures(rounds: list[Round]) -> dict[str, Any]:
    """Return median, least and most of each figure."""
    found: dict[str, Any] = {}
    for name in FIGURES:
        values = [getattr(round_, name) for round_ in rounds]
        found[name] = [round(of(values), 3) for of in (median, min, max)]
    return found


def main() -> None:
    options = _options()
    workload = workload_of("embedded")
    torch.set_num_threads(options.threads)
    report: dict[str, Any] = {
        "command": command_of("benchmarks.first_subtask"),
        "machine": describe(options.threads),
        "each_figure": "median, least and most of the rounds",
        "compared": [],
    }
    for rows in options.rows:
        report["compared"] += (found := compare(workload, rows, options))
        print(*found, sep="\n", flush=True)
    if options.keep:
        print(keep(options.keep, report))


def _options() -> argparse.Namespace:
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    asked.add_argument("--threads", type=int, default=1)
    asked.add_argument("--rows", type=int, nargs="+", default=[2, 4, 8, 16, 32])
    asked.add_argument("--steps", type=int, nargs="+", default=[0, 1, 2, 3, 4, 6])
    asked.add_argument("--plans", type=int, default=64, help="a round; at least 4 x rows")
    asked.add_argument("--rounds", type=int, default=3)
    asked.add_argument("--keep", help="write the report to benchmarks/results/KEEP.json")
    return asked.parse_args()


if __name__ == "__main__":
    main()
