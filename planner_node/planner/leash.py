"""Lets others end a run's waiting for the model, and nothing but its waiting.

A commit is never cut in half: a pull ends the present wait for the model, or the next one.
"""

import asyncio
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import TypeVar

from planner_node.errors import GenerationTimeout

T = TypeVar("T")


class Pull(StrEnum):
    """Why somebody ends a run."""

    ENDED = "ENDED"  # the task was canceled or expired: say nothing more of it
    DRAIN = "DRAIN"  # the node stops: the task goes back to the queue


class Pulled(Exception):
    """The wait is over because somebody said so."""

    def __init__(self, why: Pull) -> None:
        super().__init__(why)
        self.why = why


class Leash:
    """One run's leash; all of it happens on the loop."""

    def __init__(self) -> None:
        self._why: Pull | None = None
        self._waiting: asyncio.Timeout | None = None

    def pull(self, why: Pull) -> None:
        """End the run's waiting; only the first pull counts."""
        if self._why is not None:
            return
        self._why = why
        if self._waiting is not None:
            self._waiting.reschedule(asyncio.get_running_loop().time())

    async def wait(self, step: Callable[[], Awaitable[T]], until: float | None = None) -> T:
        """Await what ``step`` returns, until the loop's time ``until``.

        Raises:
            Pulled: somebody pulled, before or meanwhile.
            GenerationTimeout: ``until`` came first.
        """
        self._check()
        scope = self._waiting = asyncio.timeout_at(until)
        try:
            async with scope:
                return await step()
        except TimeoutError as error:
            if not scope.expired():
                raise
            self._check()
            raise GenerationTimeout("The model does not answer.") from error
        finally:
            self._waiting = None

    def _check(self) -> None:
        if self._why is not None:
            raise Pulled(self._why) from None
