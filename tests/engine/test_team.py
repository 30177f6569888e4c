"""Several engines that are asked as one: who gets what, and how they end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from planner_node.engine.core import Engine
from planner_node.engine.kv_cache import KvSlots
from planner_node.engine.limits import EngineLimits
from planner_node.engine.request import Finish, Request
from planner_node.engine.team import EngineTeam
from planner_node.errors import EngineDied, ModelNotLoaded, ModelNotReady
from tests.fakes.engine import MortalForward, tiny_llama
from tests.fakes.waiting import until

PROMPT = (5, 6, 7)
LIMITS = EngineLimits(rows=2, waiting=2)


@pytest.fixture
def forwards() -> list[MortalForward]:
    first = MortalForward(tiny_llama(), KvSlots(2, 4000))
    return [first, first.beside(KvSlots(2, 4000)), first.beside(KvSlots(2, 4000))]


@pytest.fixture
def engines(forwards: list[MortalForward]) -> list[Engine]:
    return [Engine(forward, LIMITS) for forward in forwards]


@pytest.fixture
async def team(engines: list[Engine]) -> AsyncIterator[EngineTeam]:
    async with EngineTeam(lambda: engines) as running:
        yield running


def long(name: str) -> Request:
    return Request(name, PROMPT, max_new_tokens=3900)


async def end_of(team: EngineTeam, request: Request) -> Finish | None:
    async with aclosing(team.generate(request)) as stream:
        return [event.finished async for event in stream][-1]


def rows_of(engines: list[Engine]) -> list[int]:
    return [engine.stats().rows for engine in engines]


async def test_each_request_goes_to_who_has_the_fewest(
    team: EngineTeam, engines: list[Engine]
) -> None:
    readers = [asyncio.ensure_future(end_of(team, long(str(n)))) for n in range(4)]
    await until(lambda: rows_of(engines) == [2, 1, 1])
    assert team.stats().rows == 4
    for reader in readers:
        reader.cancel()
    await until(lambda: team.stats().rows == 0)


async def test_what_one_can_do_the_first_does(team: EngineTeam, engines: list[Engine]) -> None:
    for n in range(5):
        assert await end_of(team, Request(str(n), PROMPT, max_new_tokens=3)) is Finish.LENGTH
    assert [engine.stats().requests for engine in engines] == [5, 0, 0]


async def test_one_that_dies_ends_the_team(
    team: EngineTeam, forwards: list[MortalForward], engines: list[Engine]
) -> None:
    readers = [asyncio.ensure_future(end_of(team, long(str(n)))) for n in range(3)]
    await until(lambda: rows_of(engines) == [1, 1, 1])
    forwards[1].dies = True
    assert await readers[1] is Finish.DIED
    with pytest.raises(EngineDied, match="the test killed it"):
        await team.wait_ended()
    assert not team.alive
    with pytest.raises(EngineDied):
        await end_of(team, Request("late", PROMPT))
    await team.stop()
    assert [await readers[0], await readers[2]] == [Finish.CANCELED] * 2


async def test_stop_ends_what_runs_anywhere(engines: list[Engine]) -> None:
    team = EngineTeam(lambda: engines)
    await team.start()
    readers = [asyncio.ensure_future(end_of(team, long(str(n)))) for n in range(3)]
    await until(lambda: rows_of(engines) == [1, 1, 1])
    await team.stop()
    assert await asyncio.gather(*readers) == [Finish.CANCELED] * 3
    await team.wait_ended()


async def test_failing_build_is_raised_by_start() -> None:
    def build() -> list[Engine]:
        raise ModelNotLoaded("nothing there")

    with pytest.raises(ModelNotLoaded, match="nothing there"):
        await EngineTeam(build).start()


async def test_team_that_was_not_started_is_not_ready() -> None:
    team = EngineTeam(lambda: pytest.fail("built"))
    assert team.stats().requests == 0
    with pytest.raises(ModelNotReady):
        await anext(team.generate(Request("a", PROMPT)))
