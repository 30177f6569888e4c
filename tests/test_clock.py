"""The house's clocks while the machine sleeps."""

import time
from types import SimpleNamespace

import pytest

from planner_node import clock

SLEPT_S = 3_600.0


@pytest.mark.skipif(not hasattr(time, "CLOCK_BOOTTIME"), reason="Linux tells the two apart")
def test_the_steady_clock_counts_the_time_that_the_machine_slept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seconds = {time.CLOCK_MONOTONIC: 5.0, time.CLOCK_BOOTTIME: 5.0 + SLEPT_S}
    asleep = SimpleNamespace(monotonic=lambda: 5.0, clock_gettime=seconds.__getitem__)
    monkeypatch.setattr(clock, "time", asleep)
    assert clock.SystemClock().monotonic_s() == 5.0 + SLEPT_S
