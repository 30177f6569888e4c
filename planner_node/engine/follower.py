"""Walks along an earlier output beside a row, with the row's own names in place of its names.

Plans for one tool resemble each other but for names, and a plan says a name many times. Where the
row leaves the earlier output and comes back to it, what it wrote in between stands for what the
earlier one had there; from then on the one is expected wherever the other comes.
"""

from collections.abc import Iterable, Mapping
from collections.abc import Sequence as Many
from typing import Final, Self, TypeAlias, TypeVar

from planner_node.engine.plan_log import END, NO_IDS, PlanLog

WIDEST_GAP: Final = 12  # ids within which the two must meet again
MOST_NAMES: Final = 64  # first ids of names that are exchanged; a plan has a few
MOST_ALIKE: Final = 8  # names that begin with the same id
SAME: Final = 0  # kinds of guesses: what the other has there
EXCHANGED: Final = 1  # the row's own name for the other's
FOREIGN: Final = 2  # a word of what the other was asked, but not of what the row was
BEHIND: Final = 3  # what the other has behind its name, while the row writes its own
KINDS: Final = 4
Name: TypeAlias = tuple[int, ...]
Guess: TypeAlias = tuple[int, int]
_NOTHING: Final[Mapping[int, tuple[tuple[Name, Name], ...]]] = {}


Forked = TypeVar("Forked")


def fork_of(original: Forked) -> Forked:
    """Return a copy of an object that has slots only, in a third of ``copy.copy``'s time."""
    forked = original.__class__.__new__(original.__class__)
    for name in original.__class__.__slots__:  # type: ignore[attr-defined]
        setattr(forked, name, getattr(original, name))
    return forked


class Follower:
    """A place in the log that a row has come to, or none. A ``fork`` of it goes its own way.

    ``words`` are the ids that the row was asked with.
    """

    __slots__ = (
        "_behind",
        "_gap",
        "_log",
        "_origin",
        "_place",
        "_rest",
        "_swaps",
        "_words",
        "hits",
        "run",
    )

    def __init__(
        self, log: PlanLog, place: int | None = None, words: frozenset[int] = NO_IDS
    ) -> None:
        self.run = 0  # how many ids came as expected since the last that did not
        self.hits = 0  # how many did at all, of the part that is being written
        self._log = log
        self._words = words
        self._place = place
        self._rest: Name = ()  # what is to come of a name that stands for another one
        self._origin: int | None = None  # where that other one begins; None once it has begun
        self._gap: Name | None = None  # what the row wrote since it left ``_place``
        self._behind: int | None = None  # where the other's name ends that the gap stands for
        self._swaps = _NOTHING  # their first id → their name and ours, longest first

    def fork(self) -> Self:
        return fork_of(self)

    @property
    def is_lost(self) -> bool:
        """Whether nothing is expected, here or in what the row has just left."""
        if self._place is None or self._gap is not None:
            return True
        return not self._rest and self._log.id_at(self._place) == END

    @property
    def is_within_name(self) -> bool:
        """Whether the row writes what it was asked, in place of what the other was."""
        return self._gap is not None and self._behind is not None

    def expected(self) -> int | None:
        """Return the id that should come next, or None."""
        if self._place is None or self._gap is not None:
            return None
        if self._swaps and not self._rest:
            self._exchange(self._place)
        found = self._rest[0] if self._rest else self._log.id_at(self._place)
        return None if found == END else found

    def guess(self) -> Guess | None:
        """Return the id that should come next and the kind of guess it is, or None.

        Within a name of the row's own that is what the other has behind its name.
        """
        if self._gap is not None:
            behind = END if self._behind is None else self._log.id_at(self._behind)
            return None if behind == END else (behind, BEHIND)
        expected = self.expected()
        if expected is None or self._place is None:
            return None
        if self._rest:
            return expected, EXCHANGED
        theirs = self._log.row_at(self._place).words
        return expected, FOREIGN if expected in theirs and expected not in self._words else SAME

    def step(self, token_id: int) -> None:
        """Go on with the id that came."""
        if self._place is None:
            return
        if self._gap is not None:
            self._meet(self._place, token_id, nearest=0)
        elif self.expected() == token_id:
            self._go_on(self._place)
        elif self._rest and self._origin is None:
            self._meet(self._place, token_id, nearest=0)
        else:
            self._meet(self._place if self._origin is None else self._origin, token_id, nearest=1)

    def start(self, begin: int, asked: Iterable[int]) -> None:
        """Follow another row from its output on, with the names that the two prompts tell."""
        self._swaps = _NOTHING
        self._walk(begin, asked)
        self._settle(begin + len(self._log.row_at(begin).asked))
        self.run = 0

    def go_to_part(self, begin: int, written: Iterable[int], earlier: Many[Name]) -> None:
        """Follow another part, which begins there; ``written`` is what there is of the row's own.

        ``earlier`` are parts that the row wrote before: those of the other that begin like them
        tell names.
        """
        self._swaps = _NOTHING
        theirs = [part for part in self._log.row_at(begin).parts if part < begin]
        for own in reversed(earlier):
            alike = [part for part in theirs if self._log.id_at(part) == own[0]]
            if alike:
                theirs.remove(alike[-1])
                self._walk(alike[-1], own)
        self.hits = 0
        self._walk(begin, written)
        self.run = 0

    def _walk(self, place: int, written: Iterable[int]) -> None:
        self._settle(place)
        for token_id in written:
            self.step(token_id)

    def _go_on(self, place: int) -> None:
        self.run += 1
        self.hits += 1
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
        coming = self._log.ids_at(place, WIDEST_GAP)
        if token_id in coming[nearest:]:
            ahead = coming.index(token_id, nearest)
            if END not in coming[:ahead]:
                self._learn(coming[:ahead], gap)
                self._place = place + ahead + 1
                return
        if not gap:
            copied = self._log.copied(place)
            self._behind = place + copied if copied else None
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
