"""How much of the machine others took during a measurement."""

import os
import time
from pathlib import Path
from typing import Final

TICKS: Final = os.sysconf("SC_CLK_TCK")
IDLE_COLUMNS: Final = (3, 4)  # idle, waiting for a disk


class Watch:
    """Started before a measurement; ``others_share`` tells afterwards what was not ours."""

    def __init__(self) -> None:
        self._begun_s = time.monotonic()
        self._begun_busy_s = _busy_s()

    def others_share(self, own_cpu_s: float) -> float:
        """Return the share of all cores' time that went to other processes; 0 = a quiet machine."""
        wall_s = time.monotonic() - self._begun_s
        others_s = _busy_s() - self._begun_busy_s - own_cpu_s
        return max(0.0, others_s / (wall_s * (os.cpu_count() or 1)))


def _busy_s() -> float:
    columns = Path("/proc/stat").read_text().splitlines()[0].split()[1:9]
    busy = (int(ticks) for place, ticks in enumerate(columns) if place not in IDLE_COLUMNS)
    return sum(busy) / TICKS
