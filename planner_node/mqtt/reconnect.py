"""How long to wait before the next connection; pure, so that every case can be tested at once."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from planner_node.mqtt.packets import Ending, EndKind

SHORT_SESSION_S: Final = 10.0
SHORT_SESSIONS_OF_A_RIVAL: Final = 2
RIVAL_HOLD_S: Final = 300.0  # the other one works; coming back soon would only kick it out
REFUSAL_HOLD_S: Final = 5.0
PATIENT_REFUSALS: Final = 3
_REFUSALS: Final = frozenset({EndKind.REFUSED, EndKind.UNSUPPORTED_VERSION})
_FLOOR: Final = 0.2  # of the delay: full jitter, but never at once


@dataclass(slots=True)
class Reconnect:
    """Counts failures and says when to try again; ``random`` gives numbers in [0, 1)."""

    min_s: float
    max_s: float
    random: Callable[[], float]
    is_rivalled: bool = False  # somebody else was seen under our node id
    _failures: int = field(default=0, init=False)
    _refusals: int = field(default=0, init=False)
    _short_sessions: int = field(default=0, init=False)

    def after(self, ending: Ending, lived_s: float) -> tuple[float, bool]:
        """Return the seconds to wait, and whether another client uses our id.

        ``lived_s`` is how long the connection was up, or how long it was tried in vain: a try that
        took long has waited already, so that a broker that is back is found soon.
        """
        self._count(ending, lived_s)
        evident = self.is_rivalled and self._short_sessions >= SHORT_SESSIONS_OF_A_RIVAL
        if ending.kind is EndKind.TAKEN_OVER or evident:
            self._short_sessions, self.is_rivalled = 0, False
            return self._jittered(RIVAL_HOLD_S), True
        delay_s = min(self.max_s, self.min_s * 2 ** min(self._failures - 1, 16))
        if self._refusals > PATIENT_REFUSALS:
            spread_s = max(self.min_s, min(delay_s, self.max_s - REFUSAL_HOLD_S))
            return REFUSAL_HOLD_S + self._jittered(spread_s), False
        delay_s = self._jittered(delay_s)
        waited_s = lived_s if ending.kind is EndKind.UNREACHABLE else 0.0
        return max(_FLOOR * delay_s, delay_s - waited_s), False

    def _count(self, ending: Ending, lived_s: float) -> None:
        if ending.kind is EndKind.LOST:
            is_short = lived_s < SHORT_SESSION_S
            self._short_sessions = self._short_sessions + 1 if is_short else 0
            self.is_rivalled &= is_short  # a rival would not have left us alone for so long
            self._failures = self._failures + 1 if is_short else 1
            self._refusals = 0
        else:
            self._failures += 1
            self._refusals += ending.kind in _REFUSALS

    def _jittered(self, delay_s: float) -> float:
        return delay_s * (_FLOOR + (1 - _FLOOR) * self.random())
