"""A leash ends a wait, and nothing but a wait."""

import asyncio

import pytest

from planner_node.errors import GenerationTimeout
from planner_node.planner.leash import Leash, Pull, Pulled


async def for_ever() -> None:
    await asyncio.Event().wait()


async def test_a_wait_gives_what_it_waited_for() -> None:
    assert await Leash().wait(lambda: asyncio.sleep(0, "news")) == "news"


async def test_a_pull_ends_the_present_wait() -> None:
    leash = Leash()
    waiting = asyncio.create_task(leash.wait(for_ever))
    await asyncio.sleep(0)
    leash.pull(Pull.DRAIN)
    with pytest.raises(Pulled) as pulled:
        await waiting
    assert pulled.value.why is Pull.DRAIN


async def test_a_pull_between_two_waits_ends_the_next() -> None:
    leash = Leash()
    await leash.wait(lambda: asyncio.sleep(0))
    leash.pull(Pull.ENDED)
    with pytest.raises(Pulled):
        await leash.wait(for_ever)


async def test_only_the_first_pull_counts() -> None:
    leash = Leash()
    waiting = asyncio.create_task(leash.wait(for_ever))
    await asyncio.sleep(0)
    leash.pull(Pull.ENDED)
    leash.pull(Pull.DRAIN)
    with pytest.raises(Pulled) as pulled:
        await waiting
    assert pulled.value.why is Pull.ENDED


async def test_a_wait_that_takes_too_long_is_a_timeout() -> None:
    with pytest.raises(GenerationTimeout):
        await Leash().wait(for_ever, until=asyncio.get_running_loop().time())


async def test_a_timeout_of_the_awaited_itself_stays_what_it_is() -> None:
    async def timing_out() -> None:
        raise TimeoutError("its own")

    with pytest.raises(TimeoutError, match="its own"):
        await Leash().wait(timing_out)


async def test_a_cancelled_wait_is_cancelled() -> None:
    waiting = asyncio.create_task(Leash().wait(for_ever))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
