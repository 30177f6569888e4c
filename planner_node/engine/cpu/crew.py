"""Threads that run the parts of one compiled function side by side; they meet inside it.

They wait for each other there without sleeping, some forty times a forward, for to wake a thread
takes as long as half a layer. Between forwards they sleep.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any, Final

import numpy as np

MOST_PARTS: Final = 8  # more of them wait longer for each other than they save
_ABANDONED: Final = 1 << 60  # arrivals: nobody is left waiting for a part that failed

Counter = np.ndarray[Any, np.dtype[np.int64]]
# (part, of how many, arrivals [1], how many there were before) → None
Part = Callable[[int, int, Counter, int], None]


class Crew:
    """The caller's thread and its helpers; they end when the crew is forgotten."""

    def __init__(self) -> None:
        self._arrivals: Counter = np.zeros(1, np.int64)
        self._helpers = ThreadPoolExecutor(MOST_PARTS - 1, thread_name_prefix="engine-part")

    def run(self, part: Part, parts: int) -> None:
        """Run ``part`` as 0 to ``parts`` - 1, each in its thread; all of them meet at its end.

        Raises whatever a part raised; what they worked on is in an unknown state then.
        """
        arrivals, before = self._arrivals, int(self._arrivals[0])
        helping = [
            self._helpers.submit(_heard, part, number, parts, arrivals, before)
            for number in range(1, parts)
        ]
        try:
            _heard(part, 0, parts, arrivals, before)
        finally:
            if arrivals[0] >= _ABANDONED:
                self._arrivals = np.zeros(1, np.int64)
                wait(helping)
        if self._arrivals is not arrivals:
            for helper in helping:
                helper.result()


def _heard(part: Part, number: int, parts: int, arrivals: Counter, before: int) -> None:
    """Run a part; if it fails, let the others through, to hear of it."""
    try:
        part(number, parts, arrivals, before)
    except BaseException:
        arrivals[0] = _ABANDONED
        raise
