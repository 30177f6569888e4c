"""What followed the last few ids the last time, in the row itself: prompt lookup.

Source: Saxena, "Prompt Lookup Decoding" (2023). Outputs of other requests: ``plan_log``.
"""

from collections.abc import Sequence as Many
from typing import Final

LONGEST_NGRAM: Final = 5


def ngram_keys(token_ids: Many[int], stop: int, kind: int = 0) -> list[int]:
    """Return a key for each run of one to ``LONGEST_NGRAM`` ids that ends before ``stop``.

    The shortest run comes first; a longer one's key is made from it, not from the run again. Runs
    of another ``kind`` have other keys.
    """
    keys: list[int] = []
    key = kind
    for place in range(stop - 1, max(stop - 1 - LONGEST_NGRAM, -1), -1):
        key = hash((key, token_ids[place]))
        keys.append(key)
    return keys


class NgramTable:
    """Id runs of one to ``LONGEST_NGRAM`` ids of one row → the id that came next, the latest wins.

    Runs are kept as hashes: a collision gives a wrong guess, and guesses are checked. Bounded by
    the row's context.
    """

    def __init__(self) -> None:
        self._followers: dict[int, int] = {}

    def learn(self, token_ids: Many[int], first: int) -> None:
        """Take in which id came at each place from ``first`` on, after one to n ids."""
        followers = self._followers
        for place in range(max(first, 1), len(token_ids)):
            followers.update(dict.fromkeys(ngram_keys(token_ids, place), token_ids[place]))

    def follower(self, key: int) -> int | None:
        """Return what came after the run of that key, or None when it was not seen."""
        return self._followers.get(key)
