"""Which server gets a request: the least loaded, not the busy, the lost once it is back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import replace

import pytest

from planner_node.clock import monotonic_s
from planner_node.completion.remote.endpoint import STUMBLES_TO_BE_GONE
from planner_node.completion.remote.failure import Fault, Kind
from planner_node.completion.remote.model import RemoteModel
from planner_node.completion.request import Completed
from planner_node.errors import (
    DeadlinePassed,
    GenerationTimeout,
    ModelNotReached,
    ModelNotReady,
    PlannerError,
    QueueFull,
)
from planner_node.settings import ModelSettings
from tests.fakes.asked import ASKED, told
from tests.fakes.openai_server import PLAN, OpenAiServer, Played
from tests.fakes.remote import Remote, engine, remote_engine
from tests.fakes.waiting import until


async def test_half_an_answer_is_never_begun_anew(
    pair: Remote, server: OpenAiServer, other: OpenAiServer
) -> None:
    server.scripts, other.scripts = [Played(break_after=5)], [Played(break_after=5)]
    with pytest.raises(ModelNotReady, match="mid-answer") as failure:
        await told(pair.completer)
    assert not isinstance(failure.value, ModelNotReached)
    assert len(server.bodies) + len(other.bodies) == 1


async def test_busy_server_is_asked_again_after_its_pause(
    remote: Remote, server: OpenAiServer
) -> None:
    busy = Played(
        status=429, error={"error": {"message": "slow down"}}, headers={"retry-after": "0"}
    )
    server.scripts = [busy, busy]
    text, _ = await told(remote.completer)
    assert text == PLAN
    assert remote.completer.trouble == ""


async def test_server_that_stays_busy_is_told_as_a_full_queue(
    remote: Remote, server: OpenAiServer
) -> None:
    busy = Played(
        status=429, error={"error": {"message": "slow down"}}, headers={"retry-after": "0"}
    )
    server.scripts = [busy] * 20
    with pytest.raises(QueueFull, match="slow down"):
        await told(remote.completer)


@pytest.mark.slow
async def test_each_of_many_busy_servers_is_asked_again() -> None:
    """Eight servers that are busy once are one look at each, and no reason to give up."""
    async with AsyncExitStack() as stack:
        servers = [await stack.enter_async_context(OpenAiServer().listening()) for _ in range(8)]
        urls = [server.url for server in servers]
        remote = await stack.enter_async_context(remote_engine(engine(*urls)))
        await until(lambda: all(one.is_well for one in remote.model.endpoints))
        for server in servers:
            server.scripts = [Played(status=429, error={}, headers={"retry-after": "0"})]
        assert (await told(remote.completer))[0] == PLAN


async def test_requests_go_where_least_is_to_do(
    pair: Remote, server: OpenAiServer, other: OpenAiServer
) -> None:
    for one in (server, other):
        one.scripts = [Played(hold_after=2) for _ in range(3)]
    held = [*server.scripts, *other.scripts]
    running = [asyncio.create_task(told(pair.completer)) for _ in range(6)]
    await until(lambda: server.running == other.running == 3)
    for script in held:
        script.gate.set()
    assert [text for text, _ in await asyncio.gather(*running)] == [PLAN] * 6


async def test_server_is_given_no_more_than_it_takes_at_once(server: OpenAiServer) -> None:
    endpoints = [{"url": server.url, "max_concurrent": 2}]
    async with remote_engine(engine(endpoints=endpoints)) as remote:
        answers = await asyncio.gather(*(told(remote.completer) for _ in range(8)))
    assert {text for text, _ in answers} == {PLAN}
    assert server.most_running <= 2


async def test_more_than_may_wait_is_refused(server: OpenAiServer) -> None:
    endpoints = [{"url": server.url, "max_concurrent": 1}]
    async with remote_engine(engine(endpoints=endpoints, max_waiting=1)) as remote:
        server.scripts = [script := Played(hold_after=1)]
        running = [asyncio.create_task(told(remote.completer)) for _ in range(2)]
        await until(script.held.is_set)
        with pytest.raises(QueueFull, match="wait for an endpoint"):
            await told(remote.completer)
        script.gate.set()
        await asyncio.gather(*running)


async def test_reader_that_leaves_closes_the_connection(
    remote: Remote, server: OpenAiServer
) -> None:
    server.scripts = [Played(hold_after=3)]
    async with aclosing(remote.completer.stream(ASKED)) as events:
        await anext(events)
        assert server.running == 1
    await until(lambda: server.left == 1)
    assert remote.model.endpoints[0].running == 0


@pytest.mark.parametrize(
    ("late", "kind"),
    [({"timeout_s": 0.2}, GenerationTimeout), ({"deadline_s": 0.2}, DeadlinePassed)],
)
async def test_time_that_is_up_ends_the_answer_there_too(
    late: dict[str, float], kind: type[PlannerError], remote: Remote, server: OpenAiServer
) -> None:
    server.scripts = [Played(hold_after=3)]
    if "deadline_s" in late:
        late = {"deadline_s": monotonic_s() + late["deadline_s"]}
    with pytest.raises(kind):
        await told(remote.completer, replace(ASKED, **late))
    await until(lambda: server.left == 1)


@asynccontextmanager
async def one_seat_taken(
    server: OpenAiServer,
) -> AsyncIterator[tuple[Remote, Played, asyncio.Task[tuple[str, Completed]]]]:
    """A server with room for one request, which has it until the script's gate is opened."""
    endpoints = [{"url": server.url, "max_concurrent": 1}]
    async with remote_engine(engine(endpoints=endpoints)) as remote:
        server.scripts = [script := Played(hold_after=1)]
        running = asyncio.create_task(told(remote.completer))
        await until(script.held.is_set)
        yield remote, script, running


async def test_time_passes_while_a_request_waits_for_room(server: OpenAiServer) -> None:
    async with one_seat_taken(server) as (remote, script, running):
        with pytest.raises(GenerationTimeout):
            await told(remote.completer, replace(ASKED, timeout_s=0.1))
        script.gate.set()
        assert (await running)[0] == PLAN
        text, _ = await told(remote.completer)
        assert text == PLAN  # the one that gave up left no gap in the room


async def test_silent_server_is_left(server: OpenAiServer) -> None:
    async with remote_engine(engine(server.url, idle_timeout_s=1)) as remote:
        server.scripts = [Played(hold_after=3)]
        with pytest.raises(ModelNotReady, match="idle_timeout_s"):
            await told(remote.completer)
        await until(lambda: server.left == 1)


async def test_server_that_was_lost_comes_back(pair: Remote, server: OpenAiServer) -> None:
    server.loading = True
    lost = next(one for one in pair.model.endpoints if one.name in server.url)
    await until(lambda: not lost.is_well)
    for _ in range(4):
        assert (await told(pair.completer))[0] == PLAN
    assert server.bodies == []
    server.loading = False
    await until(lambda: lost.is_well)
    for _ in range(2):
        await told(pair.completer)
    assert len(server.bodies) == 1


async def test_nobody_there_at_all_is_told_at_once(
    pair: Remote, server: OpenAiServer, other: OpenAiServer
) -> None:
    server.loading = other.loading = True
    await until(lambda: bool(pair.completer.trouble))
    with pytest.raises(ModelNotReached, match=r"no endpoint is well: .*Loading model.*; .*Loading"):
        await told(pair.completer)


async def test_request_that_waited_for_a_seat_was_not_begun(server: OpenAiServer) -> None:
    async with one_seat_taken(server) as (remote, script, running):
        waiting = asyncio.create_task(told(remote.completer))
        await asyncio.sleep(0)
        remote.completer._pool.blame(remote.model.endpoints[0], Fault(Kind.GONE, "left"))
        with pytest.raises(ModelNotReached, match="left"):
            await waiting
        script.gate.set()
        await running


async def test_request_that_no_server_took_was_not_begun() -> None:
    async with OpenAiServer().listening() as server:
        model = RemoteModel(ModelSettings(), engine(server.url))
        completer = await model.start()
    assert not completer.trouble  # nobody has noticed yet
    with pytest.raises(ModelNotReached, match="cannot be reached"):
        await told(completer)
    await model.stop()


async def test_request_that_a_server_refused_counts_as_begun(
    remote: Remote, server: OpenAiServer
) -> None:
    server.scripts = [Played(status=503, error={"error": {"message": "gone"}})]
    with pytest.raises(ModelNotReady, match="503") as failure:
        await told(remote.completer)
    assert not isinstance(failure.value, ModelNotReached)


async def test_server_that_stumbles_often_is_out_until_it_is_looked_at(
    remote: Remote, server: OpenAiServer
) -> None:
    server.scripts = [Played(status=500, error={}) for _ in range(STUMBLES_TO_BE_GONE)]
    for _ in range(STUMBLES_TO_BE_GONE):
        assert remote.completer.trouble == ""
        with pytest.raises(ModelNotReady):
            await told(remote.completer)
    assert "500" in remote.completer.trouble
    await until(lambda: not remote.completer.trouble)
    assert (await told(remote.completer))[0] == PLAN
