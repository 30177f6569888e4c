"""Guesses what a row says next, so that one forward checks several ids at once.

A guess costs a look at an earlier request and its plan, which are followed with the names
exchanged: the prompt tells most names before the plan begins. Where the row has left that, at what
the row itself has read and written, for names copied from the instruction, and at what rows with
the same prefix wrote lately. How often guesses of each kind come true is measured, and a draft ends
where it becomes unlikely.
"""

from collections import OrderedDict
from collections.abc import Sequence as Many
from copy import copy
from typing import Final

from planner_node.engine.batch import SHORT_TOKENS
from planner_node.engine.follower import Follower
from planner_node.engine.ngrams import LONGEST_NGRAM, NgramTable, ngram_keys
from planner_node.engine.plan_log import END, OUTPUT, PROMPT, PlanLog
from planner_node.engine.scheduler import Turn
from planner_node.engine.sequence import Draft, Sequence

SHORT_DRAFT: Final = SHORT_TOKENS - 1  # a row and step: a short run with the pending token
# Of a row whose run is long anyway; and on a CPU of one that is alone, or waited for.
LONG_DRAFT: Final = 31
FEW_ROWS: Final = 2
SHARED_ENTRIES: Final = 16_384  # runs, or ids, of a generation of recent rows: about 2 MiB
SHARED_TABLES: Final = 8  # prefixes with a table of their own
# A token that is less likely to be reached and right is not guessed. A guess costs its token's
# share of the step, and a step costs by itself as much as some twenty tokens (the embedded model,
# one core): with few rows a long shot pays, with many it takes the place of something better.
LEAST_CHANCE: Final = 0.12
LEAST_CHANCE_A_ROW: Final = 0.05
LEAST_CHANCE_OF_MANY: Final = 0.4
FIRST_CHANCE: Final = 0.75  # of a kind of guess that was not tried yet
SURE_RUN: Final = 8  # ids that came as an earlier plan has them: more tell no more
LONGEST_REPLAY: Final = 512  # ids of a row that are compared anew with what it jumps to
SHORTEST_JUMP: Final = 3  # ids that must be the same, to follow an earlier plan from there
JUMPS_IN_PROMPT: Final = 8  # of its first ids, which tell most of how it is said
LONGEST_PAUSE: Final = 64  # steps without a guess, for a row whose guesses keep failing


def least_chance(num_rows: int) -> float:
    """Return how likely a guess must be to be worth its token, beside so many rows."""
    return min(max(LEAST_CHANCE, LEAST_CHANCE_A_ROW * num_rows), LEAST_CHANCE_OF_MANY)


class Odds:
    """How often guesses of one kind come true, with recent ones weighing more."""

    __slots__ = ("chance",)

    def __init__(self) -> None:
        self.chance = FIRST_CHANCE

    def note(self, *, is_right: bool) -> None:
        self.chance += (float(is_right) - self.chance) / 32

    def rest(self) -> None:
        """Not guessed for being unlikely: be tried again some day, the work may have changed."""
        self.chance += (FIRST_CHANCE - self.chance) / 1024


class Lookup:
    """What one row knows for its guesses, and how it does with them."""

    __slots__ = ("follower", "kinds", "misses", "num_learned", "own", "pause", "shared")

    def __init__(self, sequence: Sequence, shared: PlanLog) -> None:
        self.follower = Follower(shared, shared.latest)
        self.own = NgramTable()
        self.shared = shared
        self.num_learned = sequence.request.prefix_tokens
        self.kinds: list[Odds] = []  # of the ids guessed in the current draft, in order
        self.misses = 0
        self.pause = 0


class Drafter:
    """Gives greedy rows their drafts, within ``budget_tokens`` a step over all rows.

    Where steps up to ``recorded_tokens`` are recordings of short runs, drafts keep to those.
    """

    def __init__(self, budget_tokens: int, recorded_tokens: int = 0) -> None:
        self._budget_tokens = budget_tokens
        self._recorded_tokens = recorded_tokens
        self._shared: OrderedDict[tuple[int, ...], PlanLog] = OrderedDict()
        self._lookups: dict[str, Lookup] = {}
        sizes = range(LONGEST_NGRAM + 1)
        self._own_odds = [Odds() for _ in sizes]
        self._shared_odds = [Odds() for _ in sizes]
        self._plan_odds = [Odds() for _ in range(SURE_RUN + 1)]

    def draft(self, turns: Many[Turn]) -> int:
        """Give the rows that choose a token in this step a draft; return the guessed tokens."""
        rows = [turn for turn in turns if turn.samples and turn.sequence.is_greedy]
        rows.sort(key=lambda turn: not turn.sequence.is_urgent)
        num_urgent = sum(turn.sequence.is_urgent for turn in rows)
        least = least_chance(len(turns))
        left, guessed = self._budget_of(turns), 0
        for place, turn in enumerate(rows):  # urgent rows share among themselves, then all others
            num_sharing = (num_urgent if place < num_urgent else len(rows)) - place
            share = min(left // num_sharing, self._longest(turn, len(turns)))
            if share > 0:
                guessed += self._draft(turn.sequence, share, least)
                left -= len(turn.sequence.draft.token_ids)  # with what is dictated between
        return guessed

    def _budget_of(self, turns: Many[Turn]) -> int:
        """Return how many tokens the drafts of a step may have, so that it stays a recording."""
        room = self._recorded_tokens - sum(turn.num_tokens for turn in turns)
        return min(self._budget_tokens, room) if room >= 0 else self._budget_tokens

    def _longest(self, turn: Turn, num_rows: int) -> int:
        is_alone = num_rows <= FEW_ROWS or turn.sequence.is_urgent
        if turn.num_tokens >= SHORT_TOKENS or (is_alone and not self._recorded_tokens):
            return LONG_DRAFT
        return SHORT_DRAFT

    def note(self, sequence: Sequence, draft: Draft, num_kept: int) -> None:
        """Learn from what became of a row's draft."""
        lookup = self._lookups[sequence.request.request_id]
        guessed = [not is_forced for is_forced in draft.is_forced]
        num_right = sum(guessed[:num_kept])
        for odds in lookup.kinds[:num_right]:
            odds.note(is_right=True)
        if num_right < len(lookup.kinds):
            lookup.kinds[num_right].note(is_right=False)
        lookup.misses = 0 if num_right else lookup.misses + 1
        lookup.pause = min(2**lookup.misses, LONGEST_PAUSE) - 2 if lookup.misses else 0

    def forget(self, sequence: Sequence) -> None:
        """Take a row's output into the shared table at its end."""
        lookup = self._lookups.pop(sequence.request.request_id, None)
        if lookup is not None:
            first = sequence.request.prefix_tokens
            begin = max(first - LONGEST_NGRAM, 0)
            output = len(sequence.request.prompt)
            lookup.shared.learn(sequence.tokens[begin:], first - begin, output - begin)

    def _draft(self, sequence: Sequence, share: int, least: float) -> int:
        lookup = self._lookup(sequence)
        if lookup.pause > 0:
            lookup.pause -= 1
            return 0
        self._catch_up(lookup, sequence, least)
        lookup.kinds = []
        recent = sequence.tokens[-LONGEST_NGRAM:]
        follower = copy(lookup.follower)
        milestones = sequence.request.milestone_tokens
        chance = 1.0
        while len(sequence.draft.token_ids) < share:
            found = self._guess(lookup, follower, recent)
            if found is None:
                break
            token_id, odds = found
            if chance * odds.chance < least:
                odds.rest()
                break
            added = sequence.guess(token_id)
            if not added:
                break
            chance *= odds.chance
            lookup.kinds.append(odds)
            for one in added:
                follower.step(one)
            recent = [*recent, *added][-LONGEST_NGRAM:]
            if sequence.is_urgent and not milestones.isdisjoint(added):
                break  # what is waited for is in the draft; more would only take longer
        return len(lookup.kinds)

    def _catch_up(self, lookup: Lookup, sequence: Sequence, least: float) -> None:
        """Learn what the row has come to since its last draft."""
        may_jump = self._plan_odds[0].chance >= least  # by what would be guessed behind it
        if not may_jump:
            self._plan_odds[0].rest()
        tokens = sequence.tokens
        last_jump = sequence.request.prefix_tokens + JUMPS_IN_PROMPT
        for stop in range(lookup.num_learned + 1, len(tokens) + 1):
            lookup.follower.step(tokens[stop - 1])
            is_place = stop <= last_jump or stop == len(tokens)
            if may_jump and is_place and lookup.follower.is_lost:
                self._jump(lookup, sequence, stop)
        lookup.own.learn(tokens, lookup.num_learned)
        lookup.num_learned = len(tokens)

    def _jump(self, lookup: Lookup, sequence: Sequence, stop: int) -> None:
        """Follow another row from where it said the same."""
        kind = PROMPT if stop < len(sequence.request.prompt) else OUTPUT
        for key in reversed(ngram_keys(sequence.tokens, stop, kind)[SHORTEST_JUMP - 1 :]):
            if (place := lookup.shared.place_behind(key)) is not None:
                first = max(sequence.request.prefix_tokens, stop - LONGEST_REPLAY)
                written = sequence.tokens[first:stop]
                lookup.follower.go_to(place, written)
                return

    def _guess(
        self, lookup: Lookup, follower: Follower, recent: list[int]
    ) -> tuple[int, Odds] | None:
        """Return what comes next in the plan that is followed, else behind the same ids."""
        expected = follower.expected()
        if expected is not None:
            return expected, self._plan_odds[min(follower.run, SURE_RUN)]
        keys = ngram_keys(recent, len(recent))
        for size in range(len(keys), 0, -1):
            token_id = lookup.own.follower(keys[size - 1])
            if token_id is not None:
                return token_id, self._own_odds[size]
            place = lookup.shared.place_behind(keys[size - 1])
            if place is not None and (found := lookup.shared.id_at(place)) != END:
                return found, self._shared_odds[size]
        return None

    def _lookup(self, sequence: Sequence) -> Lookup:
        request_id = sequence.request.request_id
        if request_id not in self._lookups:
            self._lookups[request_id] = Lookup(sequence, self._table(sequence.prefix))
        return self._lookups[request_id]

    def _table(self, prefix: tuple[int, ...]) -> PlanLog:
        table = self._shared.setdefault(prefix, PlanLog(SHARED_ENTRIES))
        self._shared.move_to_end(prefix)
        if len(self._shared) > SHARED_TABLES:
            self._shared.popitem(last=False)
        return table
