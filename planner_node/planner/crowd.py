"""Whether many wait at the door just now: then the next plan waits for them, within bounds.

How it works. Every admission says how long it took, and how long the disk alone keeps one. While
the last ones took longer than that, the node has more to do than it can, and each plan that is
begun would keep more robots waiting for the answer that they were heard. A plan is begun all the
same ``PATIENCE_S`` after the one before. Behind a slow disk no plan has to wait: fewer plans
would not make it quicker.
"""

from typing import Final

PATIENCE_S: Final = 0.1
_LONG_S: Final = 0.004  # on a quiet machine with a quick disk it takes 2 ms
_RECENT_S: Final = 0.05  # who came before that is no crowd any more
_NEWEST: Final = 0.1  # what the newest admission counts in the mean


class Crowd:
    """The mean wait at the door, of those who came lately."""

    def __init__(self) -> None:
        self._mean_wait_s = 0.0
        self._long_s = _LONG_S
        self._last_s = float("-inf")
        self._begun_s = float("-inf")

    def came_in(self, wait_s: float, usual_s: float, now_s: float) -> None:
        """Note that somebody was admitted after this wait; the disk alone takes ``usual_s``."""
        if now_s - self._last_s > _RECENT_S:
            self._mean_wait_s = 0.0
        self._mean_wait_s += _NEWEST * (wait_s - self._mean_wait_s)
        self._long_s = max(_LONG_S, usual_s)
        self._last_s = now_s

    def begun(self, now_s: float) -> None:
        """Note that a plan is begun."""
        self._begun_s = now_s

    def patience_s(self, now_s: float) -> float:
        """Return how long the next plan has to wait at most; 0 where nobody is in its way."""
        is_here = now_s - self._last_s <= _RECENT_S and self._mean_wait_s > self._long_s
        return max(0.0, self._begun_s + PATIENCE_S - now_s) if is_here else 0.0
