"""One server: its connection, how much it has to do, and whether it is well."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Final

import httpx2

from planner_node.clock import Clock
from planner_node.completion.remote.failure import (
    EndpointFailed,
    Fault,
    Kind,
    fault_in,
    fault_of,
)
from planner_node.completion.remote.pieces import Garbled, Piece, read_piece
from planner_node.completion.remote.schema import Body, Field
from planner_node.settings import EndpointSettings

log = logging.getLogger(__name__)
# So many requests in a row that broke on the way are no accident any more.
STUMBLES_TO_BE_GONE: Final = 3
_DONE: Final = "[DONE]"
_NOT_ASKED: Final = "not asked yet"


@dataclass(frozen=True, slots=True)
class Served:
    """What the server has: the model's name there, and how it takes a schema."""

    model: str
    field: Field
    context_tokens: int | None = None


class Endpoint:
    """Lives on the loop. ``upset`` is set when it should be looked at before its time."""

    def __init__(
        self, settings: EndpointSettings, client: httpx2.AsyncClient, clock: Clock
    ) -> None:
        self.settings = settings
        self.name = settings.name
        self.running = 0
        self.asked = 0  # requests sent here, since the start
        self.failed = 0  # of them, those that did not come to their end
        self.served: Served | None = None
        self.reason = _NOT_ASKED
        self.upset = asyncio.Event()
        self._client = client
        self._clock = clock
        self._stumbles = 0
        self._paused_until_s = 0.0

    @property
    def is_well(self) -> bool:
        """Whether requests are sent here."""
        return not self.reason

    @property
    def is_free(self) -> bool:
        """Whether it takes one more now."""
        has_room = self.running < self.settings.max_concurrent
        return has_room and self._clock.monotonic_s() >= self._paused_until_s

    @property
    def load(self) -> float:
        """The share of its room that is taken."""
        return self.running / self.settings.max_concurrent

    def welcome(self, served: Served) -> None:
        """It is well and has this."""
        if self.reason:
            log.info("→ endpoint %s is in: %s, schema in %s", self.name, served.model, served.field)
        self.served, self.reason, self._stumbles = served, "", 0

    def praise(self) -> None:
        """A request came to its end."""
        self._stumbles = 0

    def blame(self, fault: Fault) -> None:
        """A request failed, or a look at it did."""
        if fault.kind is Kind.BUSY:
            self._paused_until_s = self._clock.monotonic_s() + fault.pause_s
            return
        if fault.kind is Kind.STUMBLED:
            self._stumbles += 1
        is_gone = fault.kind is Kind.GONE or self._stumbles >= STUMBLES_TO_BE_GONE
        if not is_gone and self.is_well:
            return
        if fault.reason != self.reason:
            log.warning("! endpoint %s is out: %s", self.name, fault.reason)
        self.reason = fault.reason
        self.upset.set()

    async def ask(self, path: str, body: Body | None = None) -> bytes:
        """GET, or POST a body; raise EndpointFailed for anything but success."""
        try:
            if body is None:
                response = await self._client.get(path)
            else:
                response = await self._client.post(path, json=body)
        except httpx2.HTTPError as error:
            raise self._error(fault_of(error)) from error
        if not response.is_success:
            raise self._error(fault_in(response, response.content))
        return response.content

    async def stream(self, path: str, body: Body) -> AsyncGenerator[Piece, None]:
        """POST and yield what comes back line by line; leaving it closes the connection.

        Raises:
            EndpointFailed: no success, a line that is no completion, or a broken connection.
        """
        try:
            async with self._client.stream("POST", path, json=body) as response:
                if not response.is_success:
                    raise self._error(fault_in(response, await response.aread()))
                async for line in httpx2.EventSource(response):
                    if line.data != _DONE:
                        yield read_piece(line.data)
        except Garbled as garbled:
            raise self._error(Fault(Kind.STUMBLED, str(garbled))) from garbled
        except httpx2.HTTPError as error:
            raise self._error(fault_of(error)) from error

    async def close(self) -> None:
        """Close every connection."""
        await self._client.aclose()

    def _error(self, fault: Fault) -> EndpointFailed:
        return EndpointFailed(self.name, fault)
