"""Which endpoint takes the next request: the least loaded of those that are well."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from itertools import count

from planner_node.completion.remote.endpoint import Endpoint, Served
from planner_node.completion.remote.failure import Fault, Kind
from planner_node.errors import ModelNotReached, QueueFull


class NoneLeft(Exception):
    """Every endpoint that is well was tried."""


class Pool:
    """Lives on the loop; ``changed`` is called when the last endpoint leaves or the first comes."""

    def __init__(
        self, endpoints: Sequence[Endpoint], max_waiting: int, changed: Callable[[], None]
    ) -> None:
        self.endpoints = tuple(endpoints)
        self._max_waiting = max_waiting
        self._changed = changed
        self._was_well = False
        self._waiting: list[asyncio.Future[None]] = []
        self._turns = count()
        self._last_turn = dict.fromkeys(self.endpoints, -1)

    @property
    def served(self) -> list[Served]:
        """What the endpoints that are well have."""
        return [one.served for one in self.endpoints if one.is_well and one.served is not None]

    @property
    def trouble(self) -> str:
        """Why no request can be taken; empty where one can."""
        if any(one.is_well for one in self.endpoints):
            return ""
        return "no endpoint is well: " + "; ".join(f"{o.name} {o.reason}" for o in self.endpoints)

    async def take(self, tried: Collection[Endpoint]) -> Endpoint:
        """Wait for room at an endpoint that is not among the tried; give it back afterwards.

        Raises:
            NoneLeft: there is no other.
            ModelNotReached: none is well at all.
            QueueFull: too many wait already.
        """
        while (endpoint := self._pick(tried)) is None:
            if len(self._waiting) >= self._max_waiting:
                raise QueueFull(f"{len(self._waiting)} requests wait for an endpoint")
            room = asyncio.get_running_loop().create_future()
            self._waiting.append(room)
            try:
                await room
            finally:
                if room in self._waiting:
                    self._waiting.remove(room)
        endpoint.running += 1
        endpoint.asked += 1
        self._last_turn[endpoint] = next(self._turns)
        return endpoint

    def give_back(self, endpoint: Endpoint) -> None:
        """The request is over, however it ended."""
        endpoint.running -= 1
        self._wake()

    def blame(self, endpoint: Endpoint, fault: Fault) -> None:
        """Note a failure; what waits looks again, at once or when a busy one may be asked."""
        endpoint.blame(fault)
        if fault.kind is Kind.BUSY:
            asyncio.get_running_loop().call_later(fault.pause_s, self._wake)
        self._tell()

    def welcome(self, endpoint: Endpoint, served: Served) -> None:
        """Note that an endpoint is well."""
        endpoint.welcome(served)
        self._tell()

    def _tell(self) -> None:
        is_well = not self.trouble
        if is_well is not self._was_well:
            self._was_well = is_well
            self._changed()
        self._wake()

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for room in waiting:
            if not room.done():
                room.set_result(None)

    def _pick(self, tried: Collection[Endpoint]) -> Endpoint | None:
        """Return the least loaded with room; among equals whose turn is longest ago."""
        well = [one for one in self.endpoints if one.is_well and one not in tried]
        if not well and tried:
            raise NoneLeft
        if not well:
            raise ModelNotReached(self.trouble)
        free = [one for one in well if one.is_free]
        return min(free, key=lambda one: (one.load, self._last_turn[one]), default=None)
