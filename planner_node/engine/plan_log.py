"""What rows with the same prompt beginning were asked and wrote lately, and where a run stands."""

from collections.abc import Sequence as Many
from typing import Final

from planner_node.engine.ngrams import ngram_keys

END: Final = -1  # behind every row; no id of a vocabulary
OUTPUT: Final = 0  # kinds of places: a prompt is never taken for a plan that says the same
PROMPT: Final = 1


class PlanLog:
    """Recent rows, one behind the other; each place has a number that stays the same.

    Runs of one to ``LONGEST_NGRAM`` ids lead to the place behind their latest occurrence. They are
    kept as hashes: a collision gives a wrong guess, and guesses are checked. Bounded by two
    generations: when the young one has ``max_entries`` runs, or ids, it becomes the old one, and
    what was old is forgotten.
    """

    def __init__(self, max_entries: int) -> None:
        self.latest: int | None = None  # where the last row begins
        self._max_entries = max_entries
        self._ids: list[int] = []
        self._first = 0  # the place of the first of them
        self._young_first = 0
        self._young: dict[int, int] = {}
        self._old: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def learn(self, token_ids: Many[int], first: int, output: int) -> None:
        """Take in a row: ``token_ids`` from ``first`` on, its output from ``output`` on."""
        self.latest = begin = self._first + len(self._ids)
        young = self._young
        for index in range(max(first, 1), len(token_ids)):
            keys = ngram_keys(token_ids, index, OUTPUT if index >= output else PROMPT)
            young.update(dict.fromkeys(keys, begin + index - first))
        self._ids += token_ids[first:]
        self._ids.append(END)
        num_ids = self._first + len(self._ids) - self._young_first
        if max(len(young), num_ids) > self._max_entries:  # rows that are alike have no new runs
            self._grow_old()

    def place_behind(self, key: int) -> int | None:
        """Return the place behind the run of that key, or None when it was not seen."""
        found = self._young.get(key)
        return self._old.get(key) if found is None else found

    def id_at(self, place: int) -> int:
        """Return the id at a place, ``END`` behind a row and where nothing is known."""
        index = place - self._first
        return self._ids[index] if 0 <= index < len(self._ids) else END

    def ids_at(self, place: int, number: int) -> tuple[int, ...]:
        """Return so many ids from a place on, fewer at the end of all."""
        index = place - self._first
        return tuple(self._ids[index : index + number]) if index >= 0 else ()

    def begin_of(self, place: int) -> int:
        """Return where the row begins that a place is in."""
        while self.id_at(place - 1) != END:
            place -= 1
        return place

    def _grow_old(self) -> None:
        del self._ids[: self._young_first - self._first]
        self._first = self._young_first
        self._young_first = self._first + len(self._ids)
        self._old, self._young = self._young, {}
