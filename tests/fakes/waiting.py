"""Waiting for a fact that has no event, with a deadline."""

import asyncio
from collections.abc import Awaitable, Callable

DEADLINE_S = 10.0
_TURN_S = 0.001


async def until(fact: Callable[[], object], deadline_s: float = DEADLINE_S) -> None:
    """Wait until the fact is true.

    Raises:
        TimeoutError: it does not come true in time.
    """
    async with asyncio.timeout(deadline_s):
        while not fact():  # noqa: ASYNC110  the fact lies in an object that announces nothing
            await asyncio.sleep(_TURN_S)


async def until_it_is(
    question: Callable[[], Awaitable[object]], answer: object, deadline_s: float = DEADLINE_S
) -> None:
    """Wait until an awaited question has the answer.

    Raises:
        TimeoutError: it does not come true in time.
    """
    async with asyncio.timeout(deadline_s):
        while await question() != answer:  # noqa: ASYNC110  as above
            await asyncio.sleep(_TURN_S)
