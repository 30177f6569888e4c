"""A short soak through the engine's thread: nothing is left of a request but what is kept for all.

Counted when every table is full and turns over, so that what still grows is a leak.
"""

import asyncio
import gc
import random
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import aclosing
from itertools import count, islice

import pytest

from planner_node.clock import monotonic_s
from planner_node.engine import drafts
from planner_node.engine.core import Engine
from planner_node.engine.drafts import SHARED_TABLES
from planner_node.engine.kv_cache import KvSlots, Prefix
from planner_node.engine.limits import EngineLimits
from planner_node.engine.llama import LlamaForward
from planner_node.engine.ngrams import LONGEST_NGRAM
from planner_node.engine.request import Finish, Request, Sampling
from planner_node.engine.sequence import Sequence
from planner_node.engine.worker import EngineWorker
from tests.fakes.engine import constraint_of, prompt_of, tiny_llama
from tests.fakes.waiting import until

pytestmark = pytest.mark.slow

NUM_CLIENTS = 12
NUM_REQUESTS = 300  # of a round
MAX_NEW_TOKENS = 16
SHARED_ENTRIES = 64  # of a table of guesses: small, to be full many times
LIMITS = EngineLimits(rows=4, waiting=NUM_CLIENTS, prefixes=3)
MOST_WORDS = 8
CONTEXT_TOKENS = 96
NAME = "leak-"
LEFT, LATE = 3, 7  # of every ten requests, the one that is left and the one that comes too late


def request_of(number: int) -> Request:
    """Return one of all kinds: shared prompts, drawn or greedy, constrained or free, too late."""
    chance = random.Random(number)
    prefix = prompt_of(number % (SHARED_TABLES + 2), 20)
    return Request(
        f"{NAME}{number}",
        prefix + prompt_of(number, chance.randrange(1, 30)),
        len(prefix),
        max_new_tokens=chance.randrange(1, MAX_NEW_TOKENS),
        sampling=Sampling(chance.choice([0.0, 0.0, 0.8]), seed=number),
        constraint=constraint_of(number) if number % 2 else None,
        deadline_s=monotonic_s() - 1 if number % 10 == LATE else None,
    )


class Crowd:
    """Clients that ask one after the other; a tenth of them leaves after the first news."""

    def __init__(self, worker: EngineWorker, engine: Engine) -> None:
        self._worker = worker
        self._engine = engine
        self._numbers = count()
        self.ends: Counter[Finish | None] = Counter()

    async def ask(self, num_requests: int) -> None:
        """Return when all are answered or left, and the engine knows."""
        numbers = islice(self._numbers, num_requests)
        await asyncio.gather(*(self._client(numbers) for _ in range(NUM_CLIENTS)))
        await until(lambda: self._engine.idle and self._worker._inbox.empty())

    async def _client(self, numbers: Iterator[int]) -> None:
        for number in numbers:
            async with aclosing(self._worker.generate(request_of(number))) as events:
                async for event in events:
                    self.ends[event.finished] += 1
                    if number % 10 == LEFT:
                        break

    def left(self) -> dict[str, int]:
        """Return how much there is of what ends with its request."""
        engine = self._engine
        return {
            "streams": len(self._worker._streams),
            "sequences": len(engine._sequences),
            "rows": engine.stats().rows,
            "waiting": engine.stats().waiting,
            "lookups": len(engine._drafter._lookups),
            "objects": sum(is_of_a_request(one) for one in gc.get_objects()),
        }

    def kept(self) -> dict[str, int]:
        """Return how much there is of what is kept for all requests."""
        engine = self._engine
        return {
            "prefixes": len(engine._prefixes),
            "copies of prefixes": sum(type(one) is Prefix for one in gc.get_objects()),
            "tables of guesses": len(engine._drafter._shared),
            "cache bytes": engine._slots.num_bytes,
        }

    def longest_table(self) -> int:
        return max(len(table) for table in self._engine._drafter._shared.values())


def is_of_a_request(one: object) -> bool:
    """Tell whether it is a request of this test, or the engine's state of one."""
    if type(one) is Sequence:
        one = one.request
    return type(one) is Request and one.request_id.startswith(NAME)


def num_objects() -> int:
    """Return how many objects the collector knows, with no garbage among them."""
    gc.collect()
    return len(gc.get_objects())


async def test_a_crowd_of_all_kinds_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drafts, "SHARED_ENTRIES", SHARED_ENTRIES)
    monkeypatch.setattr(drafts, "MOST_WORDS", MOST_WORDS)
    threads = set(threading.enumerate())
    engine = Engine(LlamaForward(tiny_llama(), KvSlots(LIMITS.rows, CONTEXT_TOKENS)), LIMITS)
    async with EngineWorker(lambda: engine) as worker:
        crowd = Crowd(worker, engine)
        await crowd.ask(NUM_REQUESTS)
        objects, kept = num_objects(), crowd.kept()
        assert (kept["prefixes"], kept["tables of guesses"]) == (LIMITS.prefixes, SHARED_TABLES)
        assert crowd.longest_table() > SHARED_ENTRIES  # full: its second generation is in use
        await crowd.ask(NUM_REQUESTS)
        assert num_objects() < objects + NUM_REQUESTS / 10
        assert crowd.kept() == kept
        assert crowd.longest_table() <= 2 * SHARED_ENTRIES + LONGEST_NGRAM * MAX_NEW_TOKENS
        assert not any(crowd.left().values()), crowd.left()
    assert crowd.ends.keys() >= {None, Finish.LENGTH, Finish.STOPPED, Finish.DEADLINE}
    assert set(threading.enumerate()) <= threads
