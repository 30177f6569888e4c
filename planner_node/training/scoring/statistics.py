"""Shares with their Wilson 95 % intervals."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import sqrt
from typing import Final

_Z: Final = 1.959964  # of a normal distribution, two-sided 95 %


@dataclass(frozen=True, slots=True)
class Share:
    """How many of how many; the bounds are Wilson's 95 % interval."""

    hits: int
    total: int

    @property
    def value(self) -> float:
        return self.hits / self.total if self.total else 0.0

    @property
    def bounds(self) -> tuple[float, float]:
        """Return the interval, each end between 0 and 1; (0, 1) where nothing was counted."""
        if not self.total:
            return 0.0, 1.0
        n, p, z = self.total, self.value, _Z
        middle = p + z * z / (2 * n)
        spread = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        scale = 1 + z * z / n
        return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)

    def __str__(self) -> str:
        low, high = self.bounds
        percent = f"{100 * self.value:5.1f} %  [{100 * low:5.1f}, {100 * high:5.1f}]"
        return f"{percent}  {self.hits}/{self.total}"


def share(facts: Iterable[bool]) -> Share:
    """Count the true ones."""
    listed = list(facts)
    return Share(sum(listed), len(listed))
