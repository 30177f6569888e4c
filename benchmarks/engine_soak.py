"""Ten thousand requests through the engine's thread: nothing may be left of them.

    python -m benchmarks.engine_soak [--requests 10000]

Requests come from 64 clients at once, with prefixes, constraints, guesses and temperatures; some
are left by their reader, some run into their deadline. At the end there must be no row, no waiting
request, no stream and no thread more than before, and memory must not have grown in the second
half by more than what allocators may keep: 16 MiB, some 3 KiB a request. Exits with 1 where it did.
What is smaller than that is counted, object by object, in ``tests/engine/test_leaks.py``.
"""

import planner_node.engine  # noqa: F401  isort: skip  before torch: sets how its threads wait

import argparse
import asyncio
import random
import sys
import threading
import time
from collections import Counter
from contextlib import aclosing
from pathlib import Path

import torch

from benchmarks.machine import describe
from benchmarks.results import keep
from planner_node.engine.assembly import compiled
from planner_node.engine.core import Engine
from planner_node.engine.kv_cache import KvSlots
from planner_node.engine.limits import EngineLimits
from planner_node.engine.llama import LlamaForward
from planner_node.engine.request import Request, Sampling
from planner_node.engine.worker import EngineWorker
from tests.fakes.engine import constraint_of, prompt_of, tiny_llama

CLIENTS = 64
GROWTH_MIB = 16.0  # what allocators may keep
LIMITS = EngineLimits(rows=16, waiting=64, context_tokens=256, prefixes=4)


def rss_mib() -> float:
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("no VmRSS")


def request_of(number: int, chance: random.Random) -> Request:
    prefix = prompt_of(number % 6, 20)
    return Request(
        request_id=str(number),
        prompt=prefix + prompt_of(chance.randrange(50), chance.randrange(1, 30)),
        prefix_tokens=len(prefix),
        max_new_tokens=chance.randrange(1, 24),
        sampling=Sampling(chance.choice([0.0, 0.0, 0.8]), seed=number),
        constraint=constraint_of(number) if number % 2 else None,
        deadline_s=time.monotonic() + chance.choice([60.0, 60.0, 60.0, 0.02]),
    )


class Soak:
    """Clients that ask one after the other until enough was asked."""

    def __init__(self, worker: EngineWorker, num_requests: int) -> None:
        self._worker = worker
        self._num_requests = num_requests
        self._next = 0
        self.ends: Counter[str] = Counter()
        self.rss_mib: list[float] = []

    async def client(self, seed: int) -> None:
        chance = random.Random(seed)
        while self._next < self._num_requests:
            number, self._next = self._next, self._next + 1
            if number % (self._num_requests // 10) == 0:
                self.rss_mib.append(round(rss_mib(), 1))
            await self._ask(request_of(number, chance), leaves=chance.random() < 0.1)

    async def _ask(self, request: Request, *, leaves: bool) -> None:
        async with aclosing(self._worker.generate(request)) as events:
            async for event in events:
                if event.finished is not None:
                    self.ends[str(event.finished)] += 1
                elif leaves:
                    self.ends["left"] += 1
                    return


async def run(num_requests: int) -> dict[str, object]:
    """Return what was left of the requests, and how they ended."""
    threads_before = threading.active_count()
    model = tiny_llama()

    def build() -> Engine:
        torch.set_num_threads(1)
        plain = LlamaForward(model, KvSlots(LIMITS.rows, LIMITS.context_tokens))
        return Engine(compiled(plain), LIMITS)

    begun_s = time.monotonic()
    async with EngineWorker(build) as worker:
        soak = Soak(worker, num_requests)
        await asyncio.gather(*(soak.client(seed) for seed in range(CLIENTS)))
        last = Request("last", (5, 6), max_new_tokens=1)  # behind every cancel
        async with aclosing(worker.generate(last)) as events:
            async for _ in events:
                pass
        stats = worker.stats()
        streams_left = len(worker._streams)  # noqa: SLF001  a leak hides here
    soak.rss_mib.append(round(rss_mib(), 1))
    return {
        "requests": num_requests,
        "seconds": round(time.monotonic() - begun_s, 1),
        "ends": dict(soak.ends),
        "rows_left": stats.rows,
        "waiting_left": stats.waiting,
        "streams_left": streams_left,
        "threads_left": threading.active_count() - threads_before,
        "rss_mib": soak.rss_mib,
        "grown_mib": round(soak.rss_mib[-1] - soak.rss_mib[len(soak.rss_mib) // 2], 1),
    }


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    asked.add_argument("--requests", type=int, default=10_000)
    asked.add_argument("--keep", help="write the report to benchmarks/results/KEEP.json")
    options = asked.parse_args()
    figures = asyncio.run(run(options.requests))
    print(figures)
    if options.keep:
        print(keep(options.keep, {"machine": describe(1), **figures}))
    left = sum(
        int(str(figures[f"{name}_left"])) for name in ("rows", "waiting", "streams", "threads")
    )
    sys.exit(1 if left or float(str(figures["grown_mib"])) > GROWTH_MIB else 0)


if __name__ == "__main__":
    main()
