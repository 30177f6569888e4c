"""What followed the last few ids the last time: prompt lookup, and lookup in recent outputs.

Source: Saxena, "Prompt Lookup Decoding" (2023); here the table also holds the outputs of other
requests, since plans for one tool resemble each other.
"""

from collections.abc import Sequence as Many
from typing import Final

LONGEST_NGRAM: Final = 5


def ngram_keys(token_ids: Many[int], stop: int) -> list[int]:
    """Return a key for each run of one to ``LONGEST_NGRAM`` ids that ends before ``stop``.

    The shortest run comes first; a longer one's key is made from it, not from the run again.
    """
    keys: list[int] = []
    key = 0
    for place in range(stop - 1, max(stop - 1 - LONGEST_NGRAM, -1), -1):
        key = hash((key, token_ids[place]))
        keys.append(key)
    return keys


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
        young = self._young
        for place in range(max(first, 1), len(token_ids)):
            young.update(dict.fromkeys(ngram_keys(token_ids, place), token_ids[place]))
        if len(self._young) > self._max_entries:
            self._old, self._young = self._young, {}

    def follower(self, key: int) -> int | None:
        """Return what came after the run of that key, or None when it was not seen."""
        found = self._young.get(key)
        return self._old.get(key) if found is None else found
