"""What rows with the same prompt beginning were asked and wrote lately, and where a run stands."""

from bisect import bisect_right
from collections.abc import Sequence as Many
from dataclasses import dataclass
from itertools import pairwise, takewhile
from typing import Final, TypeAlias

from planner_node.engine.ngrams import ngram_keys

END: Final = -1  # behind every row; no id of a vocabulary
OUTPUT: Final = 0  # kinds of places: a prompt is never taken for a plan that says the same
PROMPT: Final = 1
PART: Final = 2
LONGEST_OPENING: Final = 8  # ids that a part begins with, which lead to the like of it
NO_IDS: Final = frozenset[int]()
Slice: TypeAlias = tuple[int, int]


@dataclass(frozen=True, slots=True)
class LoggedRow:
    """Where a row begins in the log and each part of its output, and what it was asked."""

    begin: int
    parts: tuple[int, ...]
    asked: tuple[int, ...]
    words: frozenset[int]  # the same, to look them up


FORGOTTEN: Final = LoggedRow(END, (), (), NO_IDS)


class PlanLog:
    """Recent rows, one behind the other; each place has a number that stays the same.

    Runs of one to ``LONGEST_NGRAM`` ids lead to the place behind their latest occurrence, and so do
    the beginnings of parts. They are kept as hashes: a collision gives a wrong guess, and guesses
    are checked. Bounded by two generations: when the young one has ``max_entries`` runs, or ids,
    it becomes the old one, and what was old is forgotten.
    """

    def __init__(self, max_entries: int) -> None:
        self.latest: int | None = None  # where the last row begins
        self._max_entries = max_entries
        self._ids: list[int] = []
        self._first = 0  # the place of the first of them
        self._young_first = 0
        self._young: dict[int, int] = {}
        self._old: dict[int, int] = {}
        self._rows: list[LoggedRow] = []
        self._copied: dict[int, int] = {}  # what ``copied`` has found

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def learn(
        self, token_ids: Many[int], first: int, output: int, milestones: frozenset[int] = NO_IDS
    ) -> None:
        """Take in a row: ``token_ids`` from ``first`` on, its output from ``output`` on.

        Each part of the output ends with a milestone.
        """
        self.latest = begin = self._first + len(self._ids)
        young = self._young
        for index in range(max(first, 1), len(token_ids)):
            keys = ngram_keys(token_ids, index, OUTPUT if index >= output else PROMPT)
            young.update(dict.fromkeys(keys, begin + index - first))
        parts = _parts_of(token_ids, output, milestones)
        for start, stop in parts:
            behind = range(begin + start - first + 1, begin + stop - first + 1)
            young.update(zip(_opening_keys(token_ids[start:stop]), behind, strict=False))
        self._ids += token_ids[first:]
        self._ids.append(END)
        asked = tuple(token_ids[first:output])
        starts = tuple(begin + start - first for start, _ in parts)
        self._rows.append(LoggedRow(begin, starts, asked, frozenset(asked)))
        num_ids = self._first + len(self._ids) - self._young_first
        if max(len(young), num_ids) > self._max_entries:  # rows that are alike have no new runs
            self._grow_old()

    def place_behind(self, key: int) -> int | None:
        """Return the place behind the run of that key, or None when it was not seen."""
        found = self._young.get(key)
        return self._old.get(key) if found is None else found

    def longest_behind(self, keys: Many[int], shortest: int = 1) -> tuple[int, int] | None:
        """Return the place behind the longest run that was seen, and its ids; the first has one."""
        for size in range(len(keys), shortest - 1, -1):
            if (place := self.place_behind(keys[size - 1])) is not None:
                return place, size
        return None

    def id_at(self, place: int) -> int:
        """Return the id at a place, ``END`` behind a row and where nothing is known."""
        index = place - self._first
        return self._ids[index] if 0 <= index < len(self._ids) else END

    def ids_at(self, place: int, number: int) -> tuple[int, ...]:
        """Return so many ids from a place on, fewer at the end of all."""
        index = place - self._first
        return tuple(self._ids[index : index + number]) if index >= 0 else ()

    def row_at(self, place: int) -> LoggedRow:
        """Return the row that a place is in."""
        index = bisect_right(self._rows, place, key=lambda row: row.begin)
        return self._rows[index - 1] if index else FORGOTTEN

    def part_like(self, part: Many[int]) -> int | None:
        """Return where the latest part begins that has the same first ids, as many as there are."""
        if (found := self.longest_behind(_opening_keys(part))) is None:
            return None
        place, size = found
        return place - size

    def part_after(self, part: Many[int]) -> int | None:
        """Return where the part begins that came after the latest one like this."""
        like = self.part_like(part)
        if like is None:
            return None
        parts = self.row_at(like).parts
        index = bisect_right(parts, like)
        return parts[index] if index < len(parts) else None

    def copied(self, place: int) -> int:
        """Return how many ids from a place on the row has from what it was asked."""
        if place not in self._copied:
            self._copied[place] = self._num_copied(place)
        return self._copied[place]

    def _num_copied(self, place: int) -> int:
        asked = self.row_at(place).asked
        ids = self.ids_at(place, len(asked))
        starts = (start for start, token_id in enumerate(asked) if token_id in ids[:1])
        return max((_num_same(asked[start:], ids) for start in starts), default=0)

    def _grow_old(self) -> None:
        del self._ids[: self._young_first - self._first]
        self._first = self._young_first
        self._young_first = self._first + len(self._ids)
        self._old, self._young = self._young, {}
        self._rows = [row for row in self._rows if row.begin >= self._first]
        self._copied = {}


def _parts_of(token_ids: Many[int], output: int, milestones: frozenset[int]) -> list[Slice]:
    """Return where the parts of an output begin and end."""
    stops = [at + 1 for at in range(output, len(token_ids)) if token_ids[at] in milestones]
    return [
        (start, stop) for start, stop in pairwise([output, *stops, len(token_ids)]) if start < stop
    ]


def _opening_keys(part: Many[int]) -> list[int]:
    """Return a key for the first id of a part, for its first two, and so on."""
    keys: list[int] = []
    key = PART
    for token_id in part[:LONGEST_OPENING]:
        key = hash((key, token_id))
        keys.append(key)
    return keys


def _num_same(one: Many[int], other: Many[int]) -> int:
    """Return how many ids two runs have in common from the beginning on."""
    pairs = zip(one, other, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
