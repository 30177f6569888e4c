"""The engine's thread: cancel, death and stop, heard by every stream."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from planner_node.engine.core import Engine
from planner_node.engine.kv_cache import KvSlots
from planner_node.engine.limits import EngineLimits
from planner_node.engine.request import Event, Finish, Request
from planner_node.engine.worker import EngineWorker, _Add
from planner_node.errors import ContextTooLong, EngineDied, ModelNotLoaded, ModelNotReady
from tests.fakes.engine import ListedConstraint, MortalForward, tiny_llama
from tests.fakes.waiting import until

PROMPT = (5, 6, 7)
LIMITS = EngineLimits(rows=4, waiting=8)


@pytest.fixture
def forward() -> MortalForward:
    return MortalForward(tiny_llama(), KvSlots(4, 4000))


@pytest.fixture
async def worker(forward: MortalForward) -> AsyncIterator[EngineWorker]:
    async with EngineWorker(lambda: Engine(forward, LIMITS)) as worker:
        yield worker


async def ends_of(worker: EngineWorker, request: Request) -> list[Event]:
    async with aclosing(worker.generate(request)) as stream:
        return [event async for event in stream if event.finished is not None]


def tokens_written(worker: EngineWorker) -> int:
    stats = worker.stats()
    return stats.sampled_tokens + stats.accepted_tokens


async def test_leaving_the_stream_frees_the_row(worker: EngineWorker) -> None:
    async with aclosing(worker.generate(Request("a", PROMPT, max_new_tokens=3000))) as stream:
        await anext(stream)
    await until(lambda: worker.stats().rows == 0)
    assert tokens_written(worker) < 3000


async def test_asker_canceled_at_the_door_leaves_no_row(worker: EngineWorker) -> None:
    asker = asyncio.ensure_future(anext(worker.generate(Request("a", PROMPT, max_new_tokens=3000))))
    await asyncio.sleep(0)
    asker.cancel()
    await until(lambda: worker.stats().requests == 1 and worker.stats().rows == 0)


class HastyWorker(EngineWorker):
    """A worker whose asker is canceled in the turn of the loop in which it is let in."""

    asker: "asyncio.Future[Event]"

    def _register(self, command: _Add) -> None:
        super()._register(command)
        self.asker.cancel()


async def test_asker_canceled_as_it_is_let_in_leaves_no_row(forward: MortalForward) -> None:
    async with HastyWorker(lambda: Engine(forward, LIMITS)) as worker:
        request = Request("a", PROMPT, max_new_tokens=3000)
        worker.asker = asyncio.ensure_future(anext(worker.generate(request)))
        await asyncio.wait([worker.asker])
        await until(lambda: worker.stats().rows == worker.stats().waiting == 0)
        assert tokens_written(worker) < 3000
        assert not worker._streams


async def test_dying_engine_ends_every_stream_once(
    worker: EngineWorker, forward: MortalForward
) -> None:
    requests = [Request(str(n), PROMPT, max_new_tokens=3000) for n in range(6)]
    readers = [asyncio.ensure_future(ends_of(worker, request)) for request in requests]
    await until(lambda: worker.stats().rows == 4)
    forward.dies = True
    ends = await asyncio.gather(*readers)
    assert [[event.finished for event in end] for end in ends] == [[Finish.DIED]] * 6
    assert "the test killed it" in ends[0][0].error


async def test_dead_engine_refuses_requests(worker: EngineWorker, forward: MortalForward) -> None:
    forward.dies = True
    await ends_of(worker, Request("a", PROMPT))
    with pytest.raises(EngineDied):
        await anext(worker.generate(Request("b", PROMPT)))
    assert not worker.alive


async def test_death_is_told_to_who_waits_for_it(
    worker: EngineWorker, forward: MortalForward
) -> None:
    forward.dies = True
    await ends_of(worker, Request("a", PROMPT))
    with pytest.raises(EngineDied, match="the test killed it"):
        await worker.wait_ended()


async def test_stop_ends_running_requests_as_canceled(forward: MortalForward) -> None:
    worker = EngineWorker(lambda: Engine(forward, LIMITS))
    await worker.start()
    reader = asyncio.ensure_future(ends_of(worker, Request("a", PROMPT, max_new_tokens=3900)))
    await until(lambda: worker.stats().rows == 1)
    await worker.stop()
    assert [event.finished for event in await reader] == [Finish.CANCELED]
    await worker.wait_ended()


async def test_broken_constraint_is_told_and_the_engine_lives(worker: EngineWorker) -> None:
    broken = ListedConstraint(frozenset({20}), breaks_at=0)
    (end,) = await ends_of(worker, Request("a", PROMPT, constraint=broken))
    assert (end.finished, end.error) == (Finish.CONSTRAINT, "broken by the test")
    assert worker.alive


async def test_prompt_beyond_the_context_is_refused(worker: EngineWorker) -> None:
    with pytest.raises(ContextTooLong):
        await anext(worker.generate(Request("a", PROMPT * 2000)))


async def test_failing_build_is_raised_by_start() -> None:
    def build() -> Engine:
        raise ModelNotLoaded("nothing there")

    with pytest.raises(ModelNotLoaded, match="nothing there"):
        await EngineWorker(build).start()


async def test_worker_that_was_not_started_is_not_ready() -> None:
    worker = EngineWorker(lambda: pytest.fail("built"))
    with pytest.raises(ModelNotReady):
        await anext(worker.generate(Request("a", PROMPT)))


async def test_stats_are_zero_before_the_start() -> None:
    assert EngineWorker(lambda: pytest.fail("built")).stats().requests == 0
