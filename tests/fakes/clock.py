"""A clock that stands still until a test moves it."""

from datetime import UTC, datetime, timedelta

from planner_node.clock import SystemClock

START = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)


class ManualClock:
    """Wall clock and monotonic clock in step; the monotonic one begins at the machine's."""

    def __init__(self, now: datetime = START) -> None:
        self._now = now
        self._monotonic_s = SystemClock().monotonic_s()

    def now(self) -> datetime:
        return self._now

    def monotonic_s(self) -> float:
        return self._monotonic_s

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._now += timedelta(seconds=seconds)
        self._monotonic_s += seconds

    def jump(self, seconds: float) -> None:
        """Set the wall clock; no time passes."""
        self._now += timedelta(seconds=seconds)
