"""What it gives to run steps of few tokens as one compiled function, instead of torch's calls.

    python -m benchmarks.compiled --keep compiled
    python -m benchmarks.compiled --model FOLDER --rows 1 8
    python -m benchmarks.compiled --without-tiles --keep compiled_rows

Two engines over the same weights do the same plans in turns; each ratio is of one round's pair.
"""

import planner_node.engine  # noqa: F401  isort: skip  before torch: sets how its threads wait

import argparse
from typing import Any, Final

import torch

from benchmarks.engine_steps import Bench, Round
from benchmarks.machine import describe
from benchmarks.pairs import compared
from benchmarks.plan_requests import Workload, workload_of
from benchmarks.results import command_of, keep
from planner_node.engine.assembly import forward_of
from planner_node.engine.cpu.forward import CompiledLlama
from planner_node.engine.kv_cache import KvSlots
from planner_node.engine.limits import EngineLimits
from planner_node.engine.llama import LlamaForward
from planner_node.engine.loading import LoadedModel

FIGURES: Final = ("plans_per_s", "forward_ms", "first_subtask_ms", "cpu_ms_a_plan", "on_top")


def plain_forward(loaded: LoadedModel, limits: EngineLimits) -> LlamaForward:
    return LlamaForward(loaded.model, KvSlots(limits.rows, limits.context_tokens))


def in_rows(loaded: LoadedModel, limits: EngineLimits) -> CompiledLlama:
    """Compile as for a processor that has no tile registers."""
    forward = CompiledLlama(plain_forward(loaded, limits))
    forward.prepare()
    return forward


def compare(workload: Workload, rows: int, options: argparse.Namespace) -> dict[str, Any]:
    """Return the medians of both, and of compiled / plain with the least and the most."""
    make = in_rows if options.without_tiles else forward_of
    plain = Bench(workload, rows, options.threads, make=plain_forward)
    compiled = Bench(workload, rows, options.threads, make=make)
    num_plans = max(options.plans, 2 * rows)
    pairs: list[tuple[Round, Round]] = []
    for turn in range(options.rounds + 1):
        first, second = (plain, compiled) if turn % 2 else (compiled, plain)
        rounds = {bench: bench.round(num_plans) for bench in (first, second)}
        pairs.append((rounds[plain], rounds[compiled]))
    return {"rows": rows} | compared(FIGURES, ("plain", "compiled"), pairs[1:])


def main() -> None:
    options = _options()
    workload = workload_of(options.model, is_varied=not options.alike)
    torch.set_num_threads(options.threads or 1)
    found = []
    for rows in options.rows:
        found.append(compare(workload, rows, options))
        print(found[-1], flush=True)
    report = {
        "command": command_of("benchmarks.compiled"),
        "machine": describe(options.threads),
        "dtype": workload.loaded.dtype,
        "sentences": "alike" if options.alike else "varied",
        "rows": found,
    }
    if options.keep:
        print(keep(options.keep, report))


def _options() -> argparse.Namespace:
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    asked.add_argument("--model", default="embedded", help="or a checkpoint folder")
    asked.add_argument("--threads", type=int, default=0, help="0: as the node does")
    asked.add_argument("--rows", type=int, nargs="+", default=[1, 8, 32])
    asked.add_argument("--plans", type=int, default=24, help="a round; at least twice the rows")
    asked.add_argument("--rounds", type=int, default=4)
    asked.add_argument(
        "--without-tiles", action="store_true", help="as where a processor has none (AMX)"
    )
    asked.add_argument("--alike", action="store_true", help="sentences of two patterns a language")
    asked.add_argument("--keep", help="write the report to benchmarks/results/KEEP.json")
    return asked.parse_args()


if __name__ == "__main__":
    main()
