"""How many tasks one robot may send: the generic cell rate algorithm of ITU-T I.371.

How it works: each task takes an interval of its robot's time, and a robot may run ahead of the
clock by as many intervals as make up its burst.
"""

from collections import OrderedDict
from typing import Final

_MINUTE_S: Final = 60.0
_MAX_REMEMBERED_ROBOTS: Final = 10_000


class RateLimit:
    """Who may send now, and who must wait how long; time comes in as an argument."""

    def __init__(self, per_minute: int, burst: int) -> None:
        self._interval_s = _MINUTE_S / per_minute
        self._ahead_s = (burst - 1) * self._interval_s
        self._taken_until_s: OrderedDict[str, float] = OrderedDict()

    def take(self, robot_id: str, now_s: float) -> float:
        """Take one task's time and return 0, or return the seconds to wait and take nothing."""
        until_s = max(self._taken_until_s.get(robot_id, now_s), now_s)
        wait_s = until_s - self._ahead_s - now_s
        if wait_s > 0:
            return wait_s
        self._taken_until_s[robot_id] = until_s + self._interval_s
        self._taken_until_s.move_to_end(robot_id)
        if len(self._taken_until_s) > _MAX_REMEMBERED_ROBOTS:
            self._taken_until_s.popitem(last=False)
        return 0.0
