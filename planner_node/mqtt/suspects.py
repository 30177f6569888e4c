"""Finds the message that the broker closes the connection for, which would stop all others.

Some brokers answer a message they do not take (too large, a topic they forbid) by closing, and it
would be sent again with each connection. So the event that stands at the head of what was in
flight when a healthy connection ended, twice in a row, goes out alone; if the connection ends
three times more while it is alone, it is the one. A connection that took nothing at all says
nothing about any message.
"""

from typing import Final

SUSPECT_AFTER: Final = 2
POISON_AFTER: Final = 5


class Suspects:
    """Counts the ends of connections for the oldest event in flight."""

    def __init__(self) -> None:
        self._in_flight: set[int] = set()
        self._head: int | None = None
        self._ends = 0

    def sent(self, event_id: int) -> None:
        self._in_flight.add(event_id)

    def settled(self, event_id: int) -> None:
        self._in_flight.discard(event_id)
        if event_id == self._head:
            self._head, self._ends = None, 0

    def session_ended(self, *, was_healthy: bool) -> None:
        """Note the end of a connection; ``was_healthy`` if the broker took anything on it."""
        if self._in_flight and was_healthy:
            head = min(self._in_flight)
            self._ends = self._ends + 1 if head == self._head else 1
            self._head = head
        self._in_flight.clear()

    def is_suspect(self, event_id: int) -> bool:
        """Whether it must go out alone."""
        return event_id == self._head and self._ends >= SUSPECT_AFTER

    def is_poison(self, event_id: int) -> bool:
        """Whether it must not go out again."""
        return event_id == self._head and self._ends >= POISON_AFTER
