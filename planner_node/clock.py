"""The only wall clock and the only monotonic clock of the house."""

import time
from datetime import UTC, datetime
from typing import Final, Protocol

# Runs on while the machine sleeps: what was due meanwhile is due at its awakening. On Linux the
# plain one stands still; elsewhere there is no other, and on macOS it runs on too.
_STEADY: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class Clock(Protocol):
    """What the time is; tests bring their own."""

    def now(self) -> datetime:
        """Return the present moment in UTC."""
        ...

    def monotonic_s(self) -> float:
        """Return seconds that never go back, and go on while the machine sleeps."""
        ...


def monotonic_s() -> float:
    """Return what ``SystemClock`` does, for who needs no more of it."""
    return time.clock_gettime(_STEADY)


class SystemClock:
    """The machine's clocks."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic_s(self) -> float:
        return monotonic_s()
