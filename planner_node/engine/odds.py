"""How often guesses of one kind come true."""

from typing import Final

FIRST_CHANCE: Final = 0.75  # of a kind of guess that was not tried yet
UNLIKELY: Final = 0.3  # of one that is known to be poor
FIRST_WEIGHT: Final = 2  # of the first chance, in guesses
MOST_WEIGHT: Final = 32  # what was longer ago counts less


class Odds:
    """The share of guesses that were right, recent ones weighing more."""

    __slots__ = ("_first", "_weight", "chance")

    def __init__(self, first: float = FIRST_CHANCE) -> None:
        self.chance = self._first = first
        self._weight = FIRST_WEIGHT

    def note(self, *, is_right: bool) -> None:
        self._weight = min(self._weight + 1, MOST_WEIGHT)
        self.chance += (float(is_right) - self.chance) / self._weight

    def rest(self) -> None:
        """Not guessed for being unlikely: be tried again some day, the work may have changed."""
        self.chance += (self._first - self.chance) / 1024
