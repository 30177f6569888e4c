"""The time that a request may take, and the time that it took."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from planner_node.clock import Clock
from planner_node.completion.remote.pieces import Cost
from planner_node.completion.request import CompletionRequest, CompletionUsage
from planner_node.errors import DeadlinePassed, GenerationTimeout, PlannerError

T = TypeVar("T")


class Patience:
    """How long a request may take, and how long it took."""

    def __init__(self, request: CompletionRequest, clock: Clock) -> None:
        self._clock = clock
        self._begun_s = clock.monotonic_s()
        self._first_s: float | None = None
        self._deadline_s = request.deadline_s
        self._timeout_s = request.timeout_s

    async def wait(self, step: Coroutine[Any, Any, T]) -> T:
        """Await a step of the request; raise DeadlinePassed or GenerationTimeout."""
        left_s, error = self._left()
        if left_s is not None and left_s <= 0:
            step.close()
            raise error
        try:
            async with asyncio.timeout(left_s) as scope:
                return await step
        except TimeoutError:
            if scope.expired():
                raise error from None
            raise

    async def linger(self, step: Coroutine[Any, Any, None], at_most_s: float) -> None:
        """Await what may be missed: it is cut short after so long, or when the time is up."""
        left_s, _ = self._left()
        with suppress(TimeoutError):
            async with asyncio.timeout(at_most_s if left_s is None else min(left_s, at_most_s)):
                await step

    def note_first(self) -> None:
        """The first text is there."""
        if self._first_s is None:
            self._first_s = self._clock.monotonic_s()

    def usage(self, cost: Cost) -> CompletionUsage:
        """Return what it cost; how many forward passes a server made is not known: 0."""
        now_s = self._clock.monotonic_s()
        first_s = now_s if self._first_s is None else self._first_s
        return CompletionUsage(
            prompt_tokens=cost.prompt_tokens,
            completion_tokens=cost.completion_tokens,
            forward_passes=0,
            first_token_ms=(first_s - self._begun_s) * 1000,
            latency_ms=(now_s - self._begun_s) * 1000,
        )

    def _left(self) -> tuple[float | None, PlannerError]:
        now_s = self._clock.monotonic_s()
        late = GenerationTimeout(f"the endpoint wrote for longer than {self._timeout_s} s")
        left_s = None if self._timeout_s is None else self._begun_s + self._timeout_s - now_s
        if self._deadline_s is not None:
            to_deadline_s = self._deadline_s - now_s
            if left_s is None or to_deadline_s < left_s:
                return to_deadline_s, DeadlinePassed("the deadline passed before the answer ended")
        return left_s, late
