"""What it gives to have several engines over one model's weights, instead of one with all threads.

    python -m benchmarks.team --keep team
    python -m benchmarks.team --alike --clients 8 32

Both do the same plans in turns, started as the node starts them; each ratio is of one round's pair.
"""

import planner_node.engine  # noqa: F401  isort: skip  before torch: sets how its threads wait

import argparse
import asyncio
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from statistics import mean, median
from typing import Any, Final

from benchmarks.engine_steps import CONTEXT_TOKENS, Reader, Timed
from benchmarks.machine import describe
from benchmarks.pairs import compared
from benchmarks.plan_requests import Workload, workload_of
from benchmarks.results import command_of, keep
from planner_node.engine.assembly import assemble, assemble_all
from planner_node.engine.core import Engine
from planner_node.engine.limits import EngineLimits
from planner_node.engine.request import Request
from planner_node.engine.team import EngineTeam
from planner_node.node.serve import SWITCH_S

FIGURES: Final = ("plans_per_s", "first_subtask_ms", "on_top")


@dataclass(frozen=True)
class Round:
    """One round's figures; ``on_top`` is the time of an engine outside of its forwards, over it."""

    plans_per_s: float
    first_subtask_ms: float
    on_top: float


class Contestant:
    """A team whose forwards are timed, and which sentence it plans next."""

    def __init__(self, workload: Workload, build: Callable[[], list[Engine]]) -> None:
        self.team = EngineTeam(self._timed)
        self._workload = workload
        self._build = build
        self._forwards: list[Timed] = []
        self._next = 0

    def _timed(self) -> list[Engine]:
        engines = self._build()
        for engine in engines:
            forward = engine._forward  # noqa: SLF001  listens, changes nothing
            self._forwards.append(Timed(forward.hidden))
            forward.hidden = self._forwards[-1]  # type: ignore[method-assign]
        return engines

    async def round(self, clients: int, num_plans: int) -> Round:
        """Plan so much, each client one plan at a time."""
        requests = [self._workload.request(self._next + n) for n in range(num_plans)]
        self._next += num_plans
        readers: list[Reader] = []
        for forward in self._forwards:
            forward.total_s = 0.0
        begun_s = time.perf_counter()
        waiting = iter(requests)
        await asyncio.gather(*(self._ask(waiting, readers) for _ in range(clients)))
        wall_s = time.perf_counter() - begun_s
        first_s = median(reader.first_subtask_s or 0.0 for reader in readers)
        forward_s = mean(forward.total_s for forward in self._forwards)
        return Round(num_plans / wall_s, 1_000 * first_s, wall_s / forward_s - 1)

    async def _ask(self, waiting: Iterator[Request], readers: list[Reader]) -> None:
        for request in waiting:
            reader = Reader(self._workload)
            readers.append(reader)
            async with aclosing(self.team.generate(request)) as events:
                async for event in events:
                    reader.feed(event.token_ids)


async def compare(workload: Workload, clients: int, options: argparse.Namespace) -> dict[str, Any]:
    """Return the medians of both, and of several / one with the least and the most."""
    limits = EngineLimits(clients, 4 * clients, CONTEXT_TOKENS)

    def one() -> list[Engine]:
        return [assemble(workload.loaded, limits, options.threads)]

    def several() -> list[Engine]:
        return assemble_all(workload.loaded, limits, options.threads)

    num_plans = max(options.plans, 3 * clients)
    pairs: list[tuple[Round, Round]] = []
    async with AsyncExitStack() as running:
        both = [Contestant(workload, build) for build in (one, several)]
        for each in both:
            await running.enter_async_context(each.team)
        for turn in range(options.rounds + 1):
            order = both if turn % 2 else both[::-1]
            rounds = {each: await each.round(clients, num_plans) for each in order}
            pairs.append((rounds[both[0]], rounds[both[1]]))
    return {"clients": clients} | compared(FIGURES, ("one", "several"), pairs[1:])


def main() -> None:
    options = _options()
    sys.setswitchinterval(SWITCH_S)
    workload = workload_of(options.model, is_varied=not options.alike)
    found = []
    for clients in options.clients:
        found.append(asyncio.run(compare(workload, clients, options)))
        print(found[-1], flush=True)
    report = {
        "command": command_of("benchmarks.team"),
        "machine": describe(options.threads),
        "dtype": workload.loaded.dtype,
        "sentences": "alike" if options.alike else "varied",
        "clients": found,
    }
    if options.keep:
        print(keep(options.keep, report))


def _options() -> argparse.Namespace:
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    asked.add_argument("--model", default="embedded", help="or a checkpoint folder")
    asked.add_argument("--threads", type=int, default=0, help="of all engines; 0: as the node does")
    asked.add_argument("--clients", type=int, nargs="+", default=[1, 2, 8, 16, 32])
    asked.add_argument("--plans", type=int, default=24, help="a round; at least 3 for each client")
    asked.add_argument("--rounds", type=int, default=5)
    asked.add_argument("--alike", action="store_true", help="sentences of two patterns a language")
    asked.add_argument("--keep", help="write the report to benchmarks/results/KEEP.json")
    return asked.parse_args()


if __name__ == "__main__":
    main()
