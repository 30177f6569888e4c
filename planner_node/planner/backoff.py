"""How long to wait before the next try."""

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """Doubles from ``first_s`` to ``longest_s``, with jitter so that waiters spread out."""

    first_s: float = 0.1
    longest_s: float = 10.0

    def delay_s(self, failures: int) -> float:
        """Return the wait after this many failures in a row, 1 or more."""
        doublings = min(failures - 1, 30)  # beyond that the limit has long been reached
        wait_s = min(self.longest_s, self.first_s * 2.0**doublings)
        return wait_s * random.uniform(0.5, 1.0)  # noqa: S311  not a secret
