"""What the engine makes of a model: plans a second, forwards a token, and the loop's own share.

    python -m benchmarks.engine_steps                       # the embedded model, one thread
    python -m benchmarks.engine_steps --model FOLDER --threads 2 --rows 1 8 32 --against-generate

Real prompts, grammar and text: every plan is read by the same reader that the node streams with.
As many requests as there are rows run at all times. The first round warms up and is not counted;
each round has sentences of its own. ``--against-generate`` does the same plans one by one with
transformers' ``generate`` under the same grammar, which is what people write today.
"""

import planner_node.engine  # noqa: F401  isort: skip  before torch: sets how its threads wait

import argparse
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

import torch
from torch import Tensor

from benchmarks.machine import describe
from benchmarks.one_by_one import Generator
from benchmarks.plan_requests import Workload, workload_of
from benchmarks.results import command_of, keep
from planner_node.engine.assembly import choice_of_threads, forward_of
from planner_node.engine.core import Engine
from planner_node.engine.limits import EngineLimits
from planner_node.engine.loading import LoadedModel
from planner_node.engine.model import Forward
from planner_node.grammar.vocabulary import TextDecoder
from planner_node.stream.subtasks import CallReader, SubtaskClosed

CONTEXT_TOKENS = 1_280


class Timed:
    """Adds up the seconds spent inside a function."""

    def __init__(self, call: Callable[[Any], Tensor]) -> None:
        self._call = call
        self.total_s = 0.0

    def __call__(self, argument: Any) -> Tensor:  # noqa: ANN401  passes it on
        begun_s = time.perf_counter()
        result = self._call(argument)
        self.total_s += time.perf_counter() - begun_s
        return result


@dataclass(frozen=True)
class Round:
    """One round's figures; ``on_top`` is the share of time outside the forward passes."""

    plans_per_s: float
    tokens_per_s: float
    forwards_per_token: float
    forward_ms: float
    on_top: float
    accepted: float
    first_subtask_ms: float
    cpu_ms_a_plan: float  # tells more than the others where the machine is busy


class Reader:
    """Reads one plan as it comes, as the node does."""

    def __init__(self, workload: Workload) -> None:
        self.begun_s = time.perf_counter()
        self.first_subtask_s: float | None = None
        self.num_tokens = 0
        self._decoder = TextDecoder(workload.voice.vocabulary)
        self._call = CallReader()

    def feed(self, token_ids: tuple[int, ...]) -> None:
        self.num_tokens += len(token_ids)
        events = self._call.feed(self._decoder.feed(token_ids))
        if self.first_subtask_s is None and any(isinstance(e, SubtaskClosed) for e in events):
            self.first_subtask_s = time.perf_counter() - self.begun_s


class Bench:
    """An engine over the workload's model, with its forward passes timed."""

    def __init__(
        self,
        workload: Workload,
        rows: int,
        threads: int = 1,
        make: Callable[[LoadedModel, EngineLimits], Forward] = forward_of,
        **limited: int,
    ) -> None:
        """Build an engine of so many rows; ``limited`` are further fields of its limits."""
        limits = EngineLimits(rows, 4 * rows, CONTEXT_TOKENS, **limited)
        forward = make(workload.loaded, limits)
        self._hidden, self._scores = Timed(forward.hidden), Timed(forward.scores)
        forward.hidden, forward.scores = self._hidden, self._scores  # type: ignore[method-assign]
        self._workload = workload
        self._rows = rows
        choice = None if threads else choice_of_threads(workload.loaded)
        self._engine = Engine(forward, limits, threads=choice)
        self._next = 0

    def round(self, num_plans: int) -> Round:
        """Run that many plans, ``rows`` of them at a time."""
        requests = [self._workload.request(self._next + n) for n in range(num_plans)]
        self._next += num_plans
        before = self._engine.stats()
        self._hidden.total_s = self._scores.total_s = 0.0
        begun_s, begun_cpu_s = time.perf_counter(), time.process_time()
        readers = self._run(requests)
        cpu_s = time.process_time() - begun_cpu_s
        wall_s = time.perf_counter() - begun_s
        after = self._engine.stats()
        forward_s = self._hidden.total_s + self._scores.total_s
        num_tokens = sum(reader.num_tokens for reader in readers)
        drafted = after.drafted_tokens - before.drafted_tokens
        forwards = after.forward_passes - before.forward_passes
        return Round(
            plans_per_s=num_plans / wall_s,
            tokens_per_s=num_tokens / wall_s,
            forwards_per_token=(after.forward_rows - before.forward_rows) / num_tokens,
            forward_ms=1_000 * forward_s / forwards,
            on_top=wall_s / forward_s - 1,
            accepted=(after.accepted_tokens - before.accepted_tokens) / drafted if drafted else 0.0,
            first_subtask_ms=1_000 * median(reader.first_subtask_s or 0.0 for reader in readers),
            cpu_ms_a_plan=1_000 * cpu_s / num_plans,
        )

    def _run(self, requests: list[Any]) -> list[Reader]:
        readers: dict[str, Reader] = {}
        waiting = iter(requests)
        for _ in range(self._rows):
            self._add(waiting, readers)
        while not self._engine.idle:
            for event in self._engine.step():
                readers[event.request_id].feed(event.token_ids)
                if event.finished is not None:
                    self._add(waiting, readers)
        return list(readers.values())

    def _add(self, waiting: Any, readers: dict[str, Reader]) -> None:  # noqa: ANN401  an iterator
        request = next(waiting, None)
        if request is not None:
            readers[request.request_id] = Reader(self._workload)
            self._engine.add(request)


def measure(workload: Workload, rows: int, options: argparse.Namespace) -> dict[str, float]:
    """Return the medians of the rounds, and the spread of plans a second."""
    bench = Bench(workload, rows, options.threads, draft_tokens=options.draft_tokens)
    num_plans = max(options.plans, 2 * rows)
    bench.round(num_plans)
    rounds = [bench.round(num_plans) for _ in range(options.rounds)]
    return {"rows": rows, **_summary([asdict(each) for each in rounds])}


def measure_generate(workload: Workload, options: argparse.Namespace) -> dict[str, float]:
    """Return the same for transformers' ``generate``, one plan at a time."""
    generator = Generator(workload)
    generator.plan(0)
    rounds = [generator.round(1 + n * options.plans, options.plans) for n in range(options.rounds)]
    return {"rows": 1, **_summary(rounds)}


def _summary(rounds: list[dict[str, float]]) -> dict[str, float]:
    figures = {name: round(median(r[name] for r in rounds), 4) for name in rounds[0]}
    rates = [r["plans_per_s"] for r in rounds]
    return {**figures, "slowest": round(min(rates), 2), "fastest": round(max(rates), 2)}


def main() -> None:
    options = _options()
    workload = workload_of(options.model, is_varied=options.varied)
    torch.set_num_threads(options.threads or 1)
    report: dict[str, Any] = {
        "command": command_of("benchmarks.engine_steps"),
        "machine": describe(options.threads),
        "dtype": workload.loaded.dtype,
        "engine": [],
    }
    for rows in options.rows:
        report["engine"].append(measure(workload, rows, options))
        print(report["engine"][-1], flush=True)
    if options.against_generate:
        report["generate"] = measure_generate(workload, options)
        print("generate", report["generate"])
        slowest = report["generate"]["plans_per_s"]
        for figures in report["engine"]:
            figures["times_generate"] = round(figures["plans_per_s"] / slowest, 1)
    if options.keep:
        print(keep(options.keep, report))


def _options() -> argparse.Namespace:
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    asked.add_argument("--model", default="embedded", help="or a checkpoint folder")
    asked.add_argument("--threads", type=int, default=1, help="0: as the node does")
    asked.add_argument("--rows", type=int, nargs="+", default=[1, 8, 16, 32])
    asked.add_argument("--plans", type=int, default=16, help="a round; at least twice the rows")
    asked.add_argument("--rounds", type=int, default=5)
    asked.add_argument("--draft-tokens", type=int, default=EngineLimits().draft_tokens)
    asked.add_argument("--varied", action="store_true", help="hardly two sentences are alike")
    asked.add_argument("--against-generate", action="store_true")
    asked.add_argument("--keep", help="write the report to benchmarks/results/KEEP.json")
    return asked.parse_args()


if __name__ == "__main__":
    main()
