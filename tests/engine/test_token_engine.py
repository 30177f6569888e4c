"""What every TokenEngine promises: worker, team and the scripted one keep the same contract."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace

import pytest

from planner_node.clock import monotonic_s
from planner_node.engine.core import Engine
from planner_node.engine.kv_cache import KvSlots
from planner_node.engine.limits import EngineLimits
from planner_node.engine.llama import LlamaForward
from planner_node.engine.request import Event, Finish, Request, TokenEngine
from planner_node.engine.team import EngineTeam
from planner_node.engine.worker import EngineWorker
from planner_node.errors import QueueFull
from tests.fakes.engine import ScriptedEngine, outcomes_of, tiny_llama

PROMPT = (5, 6, 7)
LIMITS = EngineLimits(rows=2, waiting=2, context_tokens=2000)


def scripted() -> ScriptedEngine:
    return ScriptedEngine(default=range(3, 300), max_streams=4)


def real() -> EngineWorker:
    model = tiny_llama()
    return EngineWorker(lambda: Engine(LlamaForward(model, KvSlots(2, 2000)), LIMITS))


def team() -> EngineTeam:
    model, limits = tiny_llama(), replace(LIMITS, rows=1, waiting=1)
    return EngineTeam(
        lambda: [Engine(LlamaForward(model, KvSlots(1, 2000)), limits) for _ in range(2)]
    )


@pytest.fixture(params=["scripted", "worker", "team"])
async def engine(request: pytest.FixtureRequest) -> AsyncIterator[TokenEngine]:
    """Return all kinds in turn; each has room for four requests."""
    if request.param == "scripted":
        yield scripted()
    else:
        async with real() if request.param == "worker" else team() as running:
            yield running


async def events_of(engine: TokenEngine, request: Request) -> list[Event]:
    async with aclosing(engine.generate(request)) as stream:
        return [event async for event in stream]


async def test_stream_ends_in_exactly_one_terminal_event(engine: TokenEngine) -> None:
    events = await events_of(engine, Request("a", PROMPT, max_new_tokens=7))
    assert [event.finished is not None for event in events] == [False] * (len(events) - 1) + [True]


async def test_limit_ends_as_length_with_usage(engine: TokenEngine) -> None:
    outcome = outcomes_of(await events_of(engine, Request("a", PROMPT, max_new_tokens=7)))["a"]
    assert outcome.finished is Finish.LENGTH
    assert len(outcome.token_ids) == 7
    assert (outcome.usage.prompt_tokens, outcome.usage.completion_tokens) == (3, 7)


async def test_requests_run_side_by_side(engine: TokenEngine) -> None:
    requests = [Request(str(n), PROMPT, max_new_tokens=9) for n in range(4)]
    streams = await asyncio.gather(*(events_of(engine, request) for request in requests))
    outcomes = [outcomes_of(stream) for stream in streams]
    assert [list(outcome) for outcome in outcomes] == [["0"], ["1"], ["2"], ["3"]]


async def test_id_in_use_is_refused_and_the_first_goes_on(engine: TokenEngine) -> None:
    async with aclosing(engine.generate(Request("a", PROMPT, max_new_tokens=99))) as stream:
        await anext(stream)
        with pytest.raises(ValueError, match="in use"):
            await anext(engine.generate(Request("a", PROMPT)))
        assert (await anext(stream)).request_id == "a"


async def test_id_is_free_again_when_the_reader_has_left(engine: TokenEngine) -> None:
    async with aclosing(engine.generate(Request("a", PROMPT, max_new_tokens=999))) as stream:
        await anext(stream)
    outcome = outcomes_of(await events_of(engine, Request("a", PROMPT, max_new_tokens=3)))["a"]
    assert len(outcome.token_ids) == 3


async def test_request_beyond_the_room_is_refused(engine: TokenEngine) -> None:
    async with asyncio.timeout(20):
        streams = [engine.generate(Request(str(n), PROMPT, max_new_tokens=999)) for n in range(5)]
        waits = [asyncio.ensure_future(anext(stream)) for stream in streams]
        with pytest.raises(QueueFull):
            await waits[4]
        for wait in waits[:4]:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
        for stream in streams:
            await stream.aclose()


async def test_deadline_in_the_past_ends_without_tokens(engine: TokenEngine) -> None:
    request = Request("a", PROMPT, deadline_s=monotonic_s() - 1)
    assert [event.finished for event in await events_of(engine, request)] == [Finish.DEADLINE]
