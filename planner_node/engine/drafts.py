"""Guesses what a row says next, so that one forward checks several ids at once.

A guess costs a look at an earlier request and its plan, which are followed with the names
exchanged (``trail``); at what the row itself has read and written, for names copied from the
instruction; and at what rows with the same prefix wrote lately. How often guesses of each kind come
true is measured: the likeliest is taken, and a draft ends where it becomes unlikely.
"""

from collections import OrderedDict
from collections.abc import Iterator
from collections.abc import Sequence as Many
from typing import Final, TypeAlias

from planner_node.engine.batch import SHORT_TOKENS
from planner_node.engine.follower import FOREIGN, KINDS
from planner_node.engine.ngrams import LONGEST_NGRAM, NgramTable, ngram_keys
from planner_node.engine.odds import FIRST_CHANCE, UNLIKELY, Odds
from planner_node.engine.plan_log import END, PlanLog
from planner_node.engine.scheduler import Turn
from planner_node.engine.sequence import Draft, Sequence
from planner_node.engine.trail import Trail

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
SURE_RUN: Final = 8  # ids that came as an earlier plan has them: more tell no more
SURE_CHANCE: Final = 0.9  # of a guess beside which nothing else is looked for
FREE_MISSES: Final = 3  # drafts in a row of which nothing was right, before a row pauses
LONGEST_PAUSE: Final = 64  # steps without a guess, for a row whose guesses keep failing
MOST_WORDS: Final = 16_384  # ids of names whose odds are kept
Candidate: TypeAlias = tuple[int, Odds]


def least_chance(num_rows: int) -> float:
    """Return how likely a guess must be to be worth its token, beside so many rows."""
    return min(max(LEAST_CHANCE, LEAST_CHANCE_A_ROW * num_rows), LEAST_CHANCE_OF_MANY)


class Lookup:
    """What one row knows for its guesses, and how it does with them."""

    __slots__ = (
        "ahead",
        "guessed",
        "kinds",
        "misses",
        "num_learned",
        "own",
        "pause",
        "shared",
        "trail",
    )

    def __init__(self, sequence: Sequence, shared: PlanLog) -> None:
        self.trail = Trail(sequence.request, shared)
        self.guessed: list[int] = []  # the latest draft,
        self.ahead = self.trail  # and the trail behind it
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
        self._foreign_odds = [Odds(UNLIKELY) for _ in sizes]  # a word of another's instruction
        self._plan_odds = [
            [Odds(UNLIKELY if kind == FOREIGN else FIRST_CHANCE) for _ in range(SURE_RUN + 1)]
            for kind in range(KINDS)
        ]
        self._word_odds: OrderedDict[int, Odds] = OrderedDict()  # that a name goes on with the id

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
        lookup.pause = min(2 ** max(lookup.misses - FREE_MISSES, 0), LONGEST_PAUSE) - 1

    def forget(self, sequence: Sequence) -> None:
        """Take a row's output into the shared table at its end."""
        lookup = self._lookups.pop(sequence.request.request_id, None)
        if lookup is not None:
            first = sequence.request.prefix_tokens
            begin = max(first - LONGEST_NGRAM, 0)
            output = len(sequence.request.prompt)
            lookup.shared.learn(
                sequence.tokens[begin:],
                first - begin,
                output - begin,
                sequence.request.milestone_tokens,
            )

    def _draft(self, sequence: Sequence, share: int, least: float) -> int:
        lookup = self._lookup(sequence)
        if lookup.pause > 0:
            lookup.pause -= 1
            return 0
        self._catch_up(lookup, sequence)
        lookup.kinds = []
        recent = sequence.tokens[-LONGEST_NGRAM:]
        trail = lookup.trail.fork()
        lookup.ahead, lookup.guessed = trail, sequence.draft.token_ids
        milestones = sequence.request.milestone_tokens
        chance = 1.0
        while len(sequence.draft.token_ids) < share:
            added, odds = self._add(
                sequence, self._candidates(lookup, trail, recent), least / chance
            )
            if not added:
                break
            chance *= odds.chance
            lookup.kinds.append(odds)
            for one in added:
                trail.step(one)
            recent = [*recent, *added][-LONGEST_NGRAM:]
            if sequence.is_urgent and not milestones.isdisjoint(added):
                break  # what is waited for is in the draft; more would only take longer
        return len(lookup.kinds)

    def _add(
        self, sequence: Sequence, candidates: Iterator[Candidate], least: float
    ) -> tuple[list[int], Odds]:
        """Put the likeliest id that may stand on the draft; return what was put on, and odds."""
        for token_id, odds in candidates:
            if odds.chance < least:
                odds.rest()
                break
            if added := sequence.guess(token_id):
                return added, odds
        return [], Odds()

    def _catch_up(self, lookup: Lookup, sequence: Sequence) -> None:
        """Learn what the row has come to since its last draft."""
        tokens, output = sequence.tokens, len(sequence.request.prompt)
        came, guessed = tokens[max(lookup.num_learned, output) :], lookup.guessed
        if guessed and not lookup.ahead.has_gone_over and came[: len(guessed)] == guessed:
            lookup.trail = lookup.ahead
            del came[: len(guessed)]
        for token_id in came:
            lookup.trail.step(token_id)
        lookup.trail.seek(anew=True)
        lookup.own.learn(tokens, lookup.num_learned)
        lookup.num_learned = len(tokens)

    def _candidates(self, lookup: Lookup, trail: Trail, recent: list[int]) -> Iterator[Candidate]:
        """Give what may come next, the likeliest first."""
        others: list[Candidate] = []
        if (found := trail.guess()) is not None:
            token_id, kind = found
            followed = token_id, self._plan_odds[kind][min(trail.run, SURE_RUN)]
            if followed[1].chance >= SURE_CHANCE:
                yield followed
            else:
                others.append(followed)
        others += self._behind_same(lookup, trail, ngram_keys(recent, len(recent)))
        yield from sorted(others, key=lambda one: -one[1].chance)

    def _behind_same(self, lookup: Lookup, trail: Trail, keys: list[int]) -> Iterator[Candidate]:
        """Give what came behind the longest of the runs, in the row itself and in other rows."""
        for size in range(len(keys), 0, -1):
            if (own := lookup.own.follower(keys[size - 1])) is not None:
                yield own, self._odds_of_word(own) if trail.is_within_name else self._own_odds[size]
                break
        for size in range(len(keys), 0, -1):
            place = lookup.shared.place_behind(keys[size - 1])
            if place is not None and (found := lookup.shared.id_at(place)) != END:
                is_foreign = found not in trail.words and found in lookup.shared.row_at(place).words
                yield found, (self._foreign_odds if is_foreign else self._shared_odds)[size]
                break

    def _odds_of_word(self, token_id: int) -> Odds:
        odds = self._word_odds.setdefault(token_id, Odds())
        self._word_odds.move_to_end(token_id)
        if len(self._word_odds) > MOST_WORDS:
            self._word_odds.popitem(last=False)
        return odds

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
