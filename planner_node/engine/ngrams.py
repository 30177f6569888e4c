"""What followed the last few ids the last time: prompt lookup, and lookup in recent outputs.

Source: Saxena, "Prompt Lookup Decoding" (2023); here the table also holds the outputs of other
requests, since plans for one tool resemble each other.
"""

from collections.abc import Sequence as Many
from typing import Final

LONGEST_NGRAM: Final = 5


class NgramTable:
    """Id runs of one to ``LONGEST_NGRAM`` ids → the id that came next, the latest one wins.

    Runs are kept as hashes: a collision gives a wrong guess, and guesses are checked. Bounded by
    two generations: when the young one is full it becomes the old one, and the old one is dropped.
    """

    def __init__(self, max_entries: int) -> None:
        self._max_entries = max_entries
        self._young: dict[int, int] = {}
        self._old: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def learn(self, token_ids: Many[int], first: int) -> None:
        """Take in which id came at each place from ``first`` on, after one to n ids."""
        for place in range(max(first, 1), len(token_ids)):
            follower = token_ids[place]
            for size in range(1, min(LONGEST_NGRAM, place) + 1):
                self._young[hash(tuple(token_ids[place - size : place]))] = follower
        if len(self._young) > self._max_entries:
            self._old, self._young = self._young, {}

    def follower(self, ngram: tuple[int, ...]) -> int | None:
        """Return what came after the run, or None when it was not seen."""
        key = hash(ngram)
        found = self._young.get(key)
        return self._old.get(key) if found is None else found
