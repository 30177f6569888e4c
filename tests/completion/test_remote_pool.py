"""Who gets the next free endpoint: who came first, and nobody is sent away who was let in."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx2
import pytest

from planner_node.completion.remote.endpoint import Endpoint, Served
from planner_node.completion.remote.failure import Fault, Kind
from planner_node.completion.remote.pool import NoneLeft, Place, Pool
from planner_node.errors import ModelNotReached, QueueFull
from planner_node.settings import EndpointSettings
from tests.fakes.clock import ManualClock
from tests.fakes.waiting import until

SERVED = Served("m", "response_format")


@dataclass
class Asking:
    """Requests by name; ``seated`` tells who got an endpoint, in order."""

    pool: Pool
    clock: ManualClock
    seated: list[str] = field(default_factory=list)
    running: dict[str, asyncio.Task[Endpoint]] = field(default_factory=dict)

    def ask(self, *names: str, place: Place | None = None) -> None:
        for name in names:
            task = asyncio.create_task(self._take(name, place or self.pool.place()))
            self.running[name] = task

    async def _take(self, name: str, place: Place) -> Endpoint:
        endpoint = await self.pool.take(place)
        self.seated.append(name)
        return endpoint

    async def until_waiting(self, count: int) -> None:
        await until(lambda: len(self.pool._waiting) == count)

    async def until_seated(self, *names: str) -> None:
        await until(lambda: len(self.seated) >= len(names))
        assert self.seated == [*names]


@asynccontextmanager
async def asking(*urls: str, max_waiting: int = 4) -> AsyncIterator[Asking]:
    """Yield a pool with one seat at each address."""
    async with httpx2.AsyncClient() as client:
        clock = ManualClock()
        settings = [EndpointSettings(url=url, max_concurrent=1) for url in urls]
        endpoints = [Endpoint(one, client, clock) for one in settings]
        pool = Pool(endpoints, max_waiting, lambda: None)
        for endpoint in endpoints:
            pool.welcome(endpoint, SERVED)
        yield Asking(pool, clock)


ONE, TWO = "http://one:1", "http://two:1"


async def test_who_waited_is_served_before_a_newcomer_of_the_same_turn() -> None:
    async with asking(ONE) as hall:
        [endpoint] = hall.pool.endpoints
        hall.ask("first")
        await hall.until_seated("first")
        hall.ask("old 1", "old 2")
        await hall.until_waiting(2)
        hall.ask("new")  # it asks before those that are woken come to their turn
        hall.pool.give_back(endpoint)
        await hall.until_waiting(2)
        hall.pool.give_back(endpoint)
        await hall.until_seated("first", "old 1", "old 2")
        hall.pool.give_back(endpoint)
        await hall.until_seated("first", "old 1", "old 2", "new")
        assert endpoint.running == 1


async def test_who_was_let_in_is_not_refused_when_others_fill_the_room() -> None:
    async with asking(ONE, max_waiting=2) as hall:
        [endpoint] = hall.pool.endpoints
        hall.ask("first")
        await hall.until_seated("first")
        hall.ask("old 1", "old 2")
        await hall.until_waiting(2)
        hall.ask("new 1", "new 2")
        hall.pool.give_back(endpoint)
        with pytest.raises(QueueFull):
            await hall.running["new 2"]
        hall.pool.give_back(endpoint)
        hall.pool.give_back(await hall.running["old 2"])
        await hall.running["new 1"]


async def test_who_comes_back_from_a_busy_endpoint_stands_where_it_stood() -> None:
    async with asking(ONE, max_waiting=1) as hall:
        [endpoint] = hall.pool.endpoints
        place = hall.pool.place()
        hall.ask("first", place=place)
        await hall.until_seated("first")
        hall.ask("second")
        await hall.until_waiting(1)
        hall.pool.blame(endpoint, Fault(Kind.BUSY, "slow down", pause_s=0.001))
        hall.pool.give_back(endpoint)
        hall.ask("first again", place=place)
        await hall.until_waiting(2)
        hall.clock.advance(1)
        hall.pool.welcome(endpoint, SERVED)
        await hall.until_seated("first", "first again")


async def taken_but_for_the_picky(hall: Asking) -> tuple[Endpoint, Endpoint]:
    """Let both endpoints be taken, and ask for one who has tried the first of them already."""
    one, two = hall.pool.endpoints
    hall.ask("at one", "at two")
    await hall.until_seated("at one", "at two")
    picky = hall.pool.place()
    picky.tried.append(one)
    hall.ask("picky", place=picky)
    return one, two


async def test_newcomer_takes_what_those_that_wait_have_tried() -> None:
    async with asking(ONE, TWO) as hall:
        one, two = await taken_but_for_the_picky(hall)
        await hall.until_waiting(1)
        hall.pool.give_back(one)
        hall.ask("new")
        assert await hall.running["new"] is one
        hall.pool.give_back(two)
        assert await hall.running["picky"] is two


async def test_who_waits_is_told_when_nobody_is_left() -> None:
    async with asking(ONE, TWO) as hall:
        one, two = await taken_but_for_the_picky(hall)
        hall.ask("any")
        await hall.until_waiting(2)
        hall.pool.blame(two, Fault(Kind.GONE, "left"))
        with pytest.raises(NoneLeft):
            await hall.running["picky"]
        hall.pool.blame(one, Fault(Kind.GONE, "left too"))
        with pytest.raises(ModelNotReached, match="left too"):
            await hall.running["any"]


async def test_who_leaves_while_it_waits_leaves_no_gap() -> None:
    async with asking(ONE) as hall:
        [endpoint] = hall.pool.endpoints
        hall.ask("first")
        await hall.until_seated("first")
        hall.ask("leaves", "stays")
        await hall.until_waiting(2)
        hall.running["leaves"].cancel()
        await hall.until_waiting(1)
        hall.pool.give_back(endpoint)
        await hall.until_seated("first", "stays")
        assert endpoint.running == 1


async def test_who_leaves_before_it_knows_of_its_seat_passes_it_on() -> None:
    async with asking(ONE) as hall:
        [endpoint] = hall.pool.endpoints
        hall.ask("first")
        await hall.until_seated("first")
        hall.ask("leaves", "stays")
        await hall.until_waiting(2)
        hall.pool.give_back(endpoint)
        hall.running["leaves"].cancel()
        await hall.until_seated("first", "stays")
        assert endpoint.running == 1
