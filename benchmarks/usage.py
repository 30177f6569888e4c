"""What waits took, what the disk takes, and who used the processors meanwhile."""

import os
import time
from collections import Counter
from pathlib import Path
from statistics import median, quantiles
from typing import Final, Self

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES: Final = 4_096
_SYNCS: Final = 100


def in_ms(waits_s: list[float]) -> dict[str, float]:
    """Return p50, p99 and the maximum, in milliseconds."""
    if len(waits_s) < 2:
        return {}
    hundredths = quantiles(waits_s, n=100, method="inclusive")
    figures = {"p50": median(waits_s), "p99": hundredths[98], "max": max(waits_s)}
    return {name: round(value * 1_000, 2) for name, value in figures.items()}


def fdatasync_ms(folder: Path) -> dict[str, dict[str, float]]:
    """Return what one ``fdatasync`` of two pages takes, at a file's end and within its length."""
    return {
        "at the end": in_ms(_syncs_s(folder / "appended", is_long=False)),
        "within": in_ms(_syncs_s(folder / "overwritten", is_long=True)),
    }


def _syncs_s(file: Path, *, is_long: bool) -> list[float]:
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    waits_s = []
    try:
        if is_long:
            os.pwrite(descriptor, bytes(2 * _PAGE_BYTES * _SYNCS), 0)
            os.fsync(descriptor)
        for number in range(_SYNCS):
            os.pwrite(descriptor, os.urandom(2 * _PAGE_BYTES), 2 * _PAGE_BYTES * number)
            begun_s = time.perf_counter()
            os.fdatasync(descriptor)
            waits_s.append(time.perf_counter() - begun_s)
    finally:
        os.close(descriptor)
        file.unlink()
    return waits_s


class Usage:
    """``with Usage() as usage``: who used the processors, in processors, over the block."""

    def __enter__(self) -> Self:
        self._begun_s = time.monotonic()
        self._before, self._busy_before = _seconds_of_ours(), _busy_s()
        return self

    def __exit__(self, *_: object) -> None:
        wall_s = time.monotonic() - self._begun_s
        spent = _seconds_of_ours() - self._before
        others_s = max(0.0, _busy_s() - self._busy_before - spent.total())
        named = {**dict(spent), "everybody else": others_s}
        self.processors = {name: round(value / wall_s, 2) for name, value in named.items()}


def _seconds_of_ours() -> Counter[str]:
    """Return the seconds spent by this process and its children, by name."""
    me = os.getpid()
    pids = [me, *map(int, Path(f"/proc/self/task/{me}/children").read_text().split())]
    spent: Counter[str] = Counter()
    for pid in pids:
        name, _, rest = Path(f"/proc/{pid}/stat").read_text().partition(" (")[2].rpartition(") ")
        user, system = rest.split()[11:13]
        who = "robots" if pid == me else "broker" if name == "mosquitto" else "node"
        spent[who] += (int(user) + int(system)) / _TICKS
    return spent


def _busy_s() -> float:
    user, nice, system, _, _, irq, softirq, *_ = map(
        int, Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    )
    return (user + nice + system + irq + softirq) / _TICKS
