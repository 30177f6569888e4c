"""Walks along an earlier output beside a row, with the row's own names in place of its names.

Plans for one tool resemble each other but for names, and a plan says a name many times. Where the
row leaves the earlier output and comes back to it, what it wrote in between stands for what the
earlier one had there; from then on the one is expected wherever the other comes.
"""

from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

from planner_node.engine.plan_log import END, PlanLog

WIDEST_GAP: Final = 12  # ids within which the two must meet again
MOST_NAMES: Final = 64  # first ids of names that are exchanged; a plan has a few
MOST_ALIKE: Final = 8  # names that begin with the same id
Name: TypeAlias = tuple[int, ...]
_NOTHING: Final[Mapping[int, tuple[tuple[Name, Name], ...]]] = {}


class Follower:
    """A place in the log that a row has come to, or none. A shallow copy goes its own way."""

    __slots__ = ("_gap", "_log", "_origin", "_place", "_rest", "_swaps", "run")

    def __init__(self, log: PlanLog, place: int | None = None) -> None:
        self.run = 0  # how many ids came as expected since the last that did not
        self._log = log
        self._place = place
        self._rest: Name = ()  # what is to come of a name that stands for another one
        self._origin: int | None = None  # where that other one begins; None once it has begun
        self._gap: Name | None = None  # what the row wrote since it left ``_place``
        self._swaps = _NOTHING  # their first id → their name and ours, longest first

    @property
    def is_lost(self) -> bool:
        """Whether nothing is expected, here or in what the row has just left."""
        if self._place is None or self._gap is not None:
            return True
        return not self._rest and self._log.id_at(self._place) == END

    def expected(self) -> int | None:
        """Return the id that should come next, or None."""
        if self._place is None or self._gap is not None:
            return None
        if not self._rest:
            self._exchange(self._place)
        found = self._rest[0] if self._rest else self._log.id_at(self._place)
        return None if found == END else found

    def step(self, token_id: int) -> None:
        """Go on with the id that came."""
        if self._place is None:
            return
        if self.expected() == token_id:
            self._go_on(self._place)
        elif self._gap is not None or (self._rest and self._origin is None):
            self._meet(self._place, token_id, nearest=0)
        else:
            self._meet(self._place if self._origin is None else self._origin, token_id, nearest=1)

    def go_to(self, place: int, written: Iterable[int]) -> None:
        """Follow from another place on; ``written`` is all that the row wrote to come there."""
        self._settle(self._log.begin_of(place))
        self._swaps = _NOTHING
        for token_id in written:
            self.step(token_id)
        self._settle(place)
        self.run = 0

    def _go_on(self, place: int) -> None:
        self.run += 1
        self._origin = None
        if self._rest:
            self._rest = self._rest[1:]
        else:
            self._place = place + 1

    def _meet(self, place: int, token_id: int, nearest: int) -> None:
        """Find where the other output has this id, from ``nearest`` ids behind the place on."""
        self.run = 0
        gap = self._gap or ()
        self._settle(place)
        for ahead in range(WIDEST_GAP):
            found = self._log.id_at(place + ahead)
            if found == END:
                break
            if ahead < nearest:
                continue
            if found == token_id:
                self._learn(self._log.ids_at(place, ahead), gap)
                self._place = place + ahead + 1
                return
        self._gap = (*gap, token_id)
        if len(self._gap) > WIDEST_GAP:
            self._place = None

    def _settle(self, place: int) -> None:
        self._place, self._gap, self._rest, self._origin = place, None, (), None

    def _exchange(self, place: int) -> None:
        """Expect the row's name where the other output has its own."""
        for theirs, ours in self._swaps.get(self._log.id_at(place), ()):
            if self._log.ids_at(place, len(theirs)) == theirs:
                self._rest, self._origin = ours, place
                self._place = place + len(theirs)
                return

    def _learn(self, theirs: Name, ours: Name) -> None:
        if not theirs or not ours:
            return
        known = self._swaps.get(theirs[0], ())
        others = [one for one in known if one[0] != theirs]
        if len(others) < MOST_ALIKE and (known or len(self._swaps) < MOST_NAMES):
            swaps = sorted([*others, (theirs, ours)], key=lambda one: -len(one[0]))
            self._swaps = {**self._swaps, theirs[0]: tuple(swaps)}
