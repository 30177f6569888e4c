"""How many threads a step of a small model runs on: what was faster lately, for steps of its size.

On a quiet machine two threads make a step of 25 tokens a quarter faster; on a busy one they wait
for each other, and one thread is several times faster. Nobody can say beforehand which it is, so
both are tried, again and again, but ever more rarely while the same one wins.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

FIRST_PAUSE_STEPS: Final = 32
LONGEST_PAUSE_STEPS: Final = 1_024
LOOK_STEPS: Final = 3  # the first after a change is not counted: kernels are prepared anew
NEWEST_SHARE: Final = 0.25  # of a new step in what is known
LEAST_GAIN: Final = 1.1  # of more threads: they take time from everybody else on the machine


@dataclass(slots=True)
class _Size:
    """What is known of steps of about one size; ``seconds`` a token by number of threads."""

    seconds: dict[int, float] = field(default_factory=dict)
    winner: int = 0
    pause_steps: int = FIRST_PAUSE_STEPS
    left_steps: int = FIRST_PAUSE_STEPS  # below 1 the loser is looked at again

    def note(self, count: int, seconds: float) -> None:
        before = self.seconds.get(count, seconds)
        self.seconds[count] = before + (seconds - before) * NEWEST_SHARE

    def winner_of(self, fewer: int, more: int) -> int:
        """Return the number that is better now."""
        return more if self.seconds[more] * LEAST_GAIN < self.seconds[fewer] else fewer

    def next(self, counts: tuple[int, int]) -> int:
        """Return the number of threads of the next step."""
        for count in counts:
            if count not in self.seconds:
                return count
        winner = self.winner_of(*counts)
        self.left_steps -= 1
        if self.left_steps > 0:
            return winner
        if self.left_steps > -LOOK_STEPS:
            return sum(counts) - winner
        longer = min(2 * self.pause_steps, LONGEST_PAUSE_STEPS)
        self.pause_steps = longer if winner == self.winner else FIRST_PAUSE_STEPS
        self.winner, self.left_steps = winner, self.pause_steps
        return winner


class ThreadChoice:
    """Sets the threads before each step and is told afterwards how long it took."""

    def __init__(
        self,
        counts: tuple[int, int],
        apply: Callable[[int], None],
        most: Callable[[], int],
    ) -> None:
        """Choose between two ``counts``, the smaller one first; ``apply`` sets one of them.

        ``most`` tells how many there are at the time, for others may be at work.
        """
        self._counts = counts
        self._apply = apply
        self._most = most
        self._sizes: dict[int, _Size] = {}
        self._count = 0
        self._num_tokens = 1
        self._is_telling = False

    def begin(self, num_tokens: int) -> None:
        """Set the threads for a step of so many tokens."""
        self._num_tokens = num_tokens
        (fewer, more), most = self._counts, self._most()
        is_free = most >= more > fewer
        count = self._size().next(self._counts) if is_free else min(more, most)
        self._is_telling = is_free and count == self._count
        if count != self._count:
            self._apply(count)
            self._count = count

    def end(self, seconds: float) -> None:
        """Learn from the step that was begun last."""
        if self._is_telling:
            self._size().note(self._count, seconds / self._num_tokens)

    def _size(self) -> _Size:
        return self._sizes.setdefault(self._num_tokens.bit_length(), _Size())
