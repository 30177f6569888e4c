"""Which endpoint takes the next request: the least loaded of those that are well."""

import asyncio
from bisect import insort
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import TypeAlias

from planner_node.completion.remote.endpoint import Endpoint, Served
from planner_node.completion.remote.failure import Fault, Kind
from planner_node.errors import ModelNotReached, QueueFull

Room: TypeAlias = asyncio.Future[Endpoint]


class NoneLeft(Exception):
    """Every endpoint that is well was tried."""


@dataclass(slots=True, eq=False)
class Place:
    """Where one request stands among the others; it keeps it from one endpoint to the next."""

    number: int
    tried: list[Endpoint] = field(default_factory=list)
    is_new: bool = True  # whether it had no endpoint yet


class Pool:
    """Lives on the loop; ``changed`` is called when the last endpoint leaves or the first comes."""

    def __init__(
        self, endpoints: Sequence[Endpoint], max_waiting: int, changed: Callable[[], None]
    ) -> None:
        self.endpoints = tuple(endpoints)
        self._max_waiting = max_waiting
        self._changed = changed
        self._was_well = False
        self._waiting: list[tuple[Place, Room]] = []  # who came first stands first
        self._places = count()
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

    def place(self) -> Place:
        """Return the place of a new request, behind all that came before."""
        return Place(next(self._places))

    async def take(self, place: Place) -> Endpoint:
        """Wait for room at an endpoint that was not tried; give it back afterwards.

        Raises:
            NoneLeft: there is no other.
            ModelNotReached: none is well at all.
            QueueFull: too many wait already, and this one never had an endpoint.
        """
        self._serve()
        if (endpoint := self._pick(place.tried)) is not None:
            return self._seat(place, endpoint)
        if place.is_new and len(self._waiting) >= self._max_waiting:
            raise QueueFull(f"{len(self._waiting)} requests wait for an endpoint")
        room: Room = asyncio.get_running_loop().create_future()
        insort(self._waiting, (place, room), key=lambda one: one[0].number)
        try:
            return await room
        except asyncio.CancelledError:
            self._leave(place, room)
            raise

    def give_back(self, endpoint: Endpoint) -> None:
        """The request is over, however it ended."""
        endpoint.running -= 1
        self._serve()

    def blame(self, endpoint: Endpoint, fault: Fault) -> None:
        """Note a failure; what waits looks again, at once or when a busy one may be asked."""
        endpoint.blame(fault)
        if fault.kind is Kind.BUSY:
            asyncio.get_running_loop().call_later(fault.pause_s, self._serve)
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
        self._serve()

    def _serve(self) -> None:
        """Give what is free to those that wait, in the order in which they came."""
        waiting, self._waiting = self._waiting, []
        for place, room in waiting:
            if not (room.done() or self._is_served(place, room)):
                self._waiting.append((place, room))

    def _is_served(self, place: Place, room: Room) -> bool:
        """Tell a request its endpoint, or that there is none for it; False: it waits on."""
        try:
            endpoint = self._pick(place.tried)
        except (NoneLeft, ModelNotReached) as error:
            room.set_exception(error)
            return True
        if endpoint is not None:
            room.set_result(self._seat(place, endpoint))
        return endpoint is not None

    def _seat(self, place: Place, endpoint: Endpoint) -> Endpoint:
        place.is_new = False
        endpoint.running += 1
        endpoint.asked += 1
        self._last_turn[endpoint] = next(self._turns)
        return endpoint

    def _leave(self, place: Place, room: Room) -> None:
        """Give up a place, and the endpoint that it was given in the same turn of the loop."""
        if (place, room) in self._waiting:
            self._waiting.remove((place, room))
        if not room.cancelled() and room.exception() is None:
            self.give_back(room.result())

    def _pick(self, tried: Collection[Endpoint]) -> Endpoint | None:
        """Return the least loaded with room; among equals whose turn is longest ago."""
        well = [one for one in self.endpoints if one.is_well and one not in tried]
        if not well and tried:
            raise NoneLeft
        if not well:
            raise ModelNotReached(self.trouble)
        free = [one for one in well if one.is_free]
        return min(free, key=lambda one: (one.load, self._last_turn[one]), default=None)
