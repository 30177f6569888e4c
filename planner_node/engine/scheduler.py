"""Who runs in the next step, and with how many tokens; pure Python, knows no tensor."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from planner_node.engine.limits import EngineLimits
from planner_node.engine.pace import Pace
from planner_node.engine.sequence import Sequence
from planner_node.errors import QueueFull

ROWS_AN_URGENT_ONE: Final = 3  # a step of more than a third of the rows is hardly a short one


@dataclass(frozen=True, slots=True)
class Turn:
    """One sequence's part of a step: its next ``num_tokens`` pending tokens.

    ``samples`` tells whether they bring the sequence to the point where a token is chosen.
    """

    sequence: Sequence
    num_tokens: int
    samples: bool


@dataclass(frozen=True, slots=True)
class Move:
    """A row's cache goes from one slot to another."""

    source: int
    target: int
    num_tokens: int


class Scheduler:
    """Two queues: ``waiting`` for a row, and ``running``, where a sequence's index is its slot.

    Running slots stay contiguous: the last row moves into the place of one that leaves, so that
    a batch is always a slice of the cache and never a gather.
    """

    def __init__(self, limits: EngineLimits) -> None:
        self._limits = limits
        self._num_arrived = 0
        self._num_ahead = 0  # steps of urgent rows alone since all had their turn
        self.pace = Pace()
        self.waiting: deque[Sequence] = deque()
        self.running: list[Sequence] = []

    def add(self, sequence: Sequence) -> None:
        # free rows count: they are taken at the next step only
        if len(self.waiting) + len(self.running) >= self._limits.waiting + self._limits.rows:
            raise QueueFull(f"{len(self.waiting)} requests wait for the model; try again later")
        sequence.arrival = self._num_arrived
        self._num_arrived += 1
        self.waiting.append(sequence)

    def expired(self, now_s: float) -> list[Sequence]:
        """Return every sequence, waiting or running, whose deadline has passed."""
        return [s for queue in (self.waiting, self.running) for s in queue if s.expired(now_s)]

    def admit(self, is_cached: Callable[[tuple[int, ...]], bool]) -> list[Sequence]:
        """Give free rows to the waiting, in order of arrival; return the new rows.

        Who shares a prefix that a running row is still computing waits for it: computing it twice
        would be slower for both.
        """
        admitted: list[Sequence] = []
        held: list[Sequence] = []
        building = self._building() if self.waiting else set()
        while self.waiting and len(self.running) < self._limits.rows:
            sequence = self.waiting.popleft()
            prefix = sequence.prefix
            if prefix in building:
                held.append(sequence)
                continue
            if prefix and self._limits.prefixes and not is_cached(prefix):
                building.add(prefix)
            sequence.slot = len(self.running)
            self.running.append(sequence)
            admitted.append(sequence)
        self.waiting.extendleft(reversed(held))
        return admitted

    def _building(self) -> set[tuple[int, ...]]:
        if not self._limits.prefixes:
            return set()
        return {s.prefix for s in self.running if s.computed < s.request.prefix_tokens}

    def turns(self) -> list[Turn]:
        """Return the next step: decoding rows and prompts up to the token budget.

        Prompts take from the budget in order of arrival, so the oldest row without output is
        served first.
        """
        rows = self._rows_of_step()
        share = {s.slot: s.pending_tokens for s in rows if s.sampled}
        budget = self._limits.prefill_tokens
        prompts = [sequence for sequence in rows if not sequence.sampled]
        for sequence in sorted(prompts, key=lambda sequence: sequence.arrival):
            share[sequence.slot] = min(sequence.pending_tokens, budget)
            budget -= share[sequence.slot]
        return [
            Turn(s, share[s.slot], samples=share[s.slot] == s.pending_tokens)
            for s in rows
            if share[s.slot]
        ]

    def _rows_of_step(self) -> list[Sequence]:
        """Return the rows that take part: all, or for some steps in between a few urgent ones.

        Where a step of few rows is short, these are soon at what is waited for, and the others lose
        little. Of many urgent rows the oldest go ahead: some are answered early instead of all
        late. Prompts too long for one step are read beside everybody, who would else stand still.
        """
        ahead = self._urgent()[: max(1, len(self.running) // ROWS_AN_URGENT_ONE)]
        if 0 < len(ahead) < len(self.running) and self._may_go_ahead(ahead):
            self._num_ahead += 1
            return ahead
        self._num_ahead = 0
        return self.running

    def _may_go_ahead(self, ahead: list[Sequence]) -> bool:
        if self._num_ahead >= self._limits.urgent_steps:
            return False
        pending = sum(sequence.pending_tokens for sequence in ahead)
        if pending > self._limits.prefill_tokens:
            return False
        whole = sum(sequence.pending_tokens for sequence in self.running)
        return self.pace.is_short((len(ahead), pending), (len(self.running), whole))

    def _urgent(self) -> list[Sequence]:
        """Return the rows before their milestone, the oldest first."""
        urgent = [sequence for sequence in self.running if sequence.is_urgent]
        return sorted(urgent, key=lambda sequence: sequence.arrival)

    def remove(self, sequence: Sequence) -> Move | None:
        """Take a sequence out; return the move that closes the gap it leaves, if there is one."""
        if sequence.slot < 0:
            self.waiting.remove(sequence)
            return None
        last = self.running.pop()
        if last is sequence:
            return None
        move = Move(last.slot, sequence.slot, last.computed)
        self.running[sequence.slot] = last
        last.slot = sequence.slot
        return move
