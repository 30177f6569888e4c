"""How long something took, counted by upper bounds as a metrics page wants it."""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate
from math import inf
from typing import Final

# From a small model on a quiet machine to a large one on a busy one.
FIRST_SUBTASK_BOUNDS_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Durations:
    """A histogram; memory does not grow with what is noted."""

    def __init__(self, bounds_s: Sequence[float]) -> None:
        self._bounds_s = (*bounds_s, inf)
        self._counts = [0] * len(self._bounds_s)
        self.sum_s = 0.0

    def note(self, seconds: float) -> None:
        self._counts[bisect_left(self._bounds_s, seconds)] += 1
        self.sum_s += seconds

    def buckets(self) -> tuple[tuple[float, int], ...]:
        """Return for each upper bound how many took no longer; the last one counts all."""
        return tuple(zip(self._bounds_s, accumulate(self._counts), strict=True))
