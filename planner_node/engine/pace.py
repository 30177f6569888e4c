"""How long a step takes by what it carries: a fixed part, and a part for each token.

A small model on a CPU pays for every token; a large one on a GPU reads its weights once a step,
and a step of two rows is no shorter than one of thirty. Nobody can say beforehand which it is.
"""

from typing import Final

KEPT: Final = 0.98  # of what is known, at each new step
LEAST_SPREAD: Final = 0.05  # of sizes, over their mean squared: below it they are all alike
SHORT: Final = 2 / 3  # of the time of a whole step


class Pace:
    """A line through the latest steps, older ones counting less: seconds over tokens."""

    def __init__(self) -> None:
        self._weight = self._tokens = self._seconds = 0.0
        self._tokens_squared = self._tokens_seconds = 0.0
        self._drafted_a_row = 0.0

    def note(self, num_tokens: int, num_drafted: int, num_rows: int, seconds: float) -> None:
        """Learn from a step that carried so many tokens, guesses included."""
        self._weight = self._weight * KEPT + 1
        self._tokens = self._tokens * KEPT + num_tokens
        self._seconds = self._seconds * KEPT + seconds
        self._tokens_squared = self._tokens_squared * KEPT + num_tokens**2
        self._tokens_seconds = self._tokens_seconds * KEPT + num_tokens * seconds
        drafted = num_drafted / num_rows
        self._drafted_a_row += (drafted - self._drafted_a_row) * (1 - KEPT)

    def is_short(self, part: tuple[int, int], whole: tuple[int, int]) -> bool:
        """Tell whether a part of a step takes much less time than the whole.

        Both are (rows, pending tokens); what they will guess is added here. A yes where nothing is
        known yet: it is tried then.
        """
        line = self._line()
        if line is None:
            return True
        fixed_s, token_s = line
        part_s, whole_s = (
            fixed_s + token_s * (pending + rows * self._drafted_a_row)
            for rows, pending in (part, whole)
        )
        return part_s <= SHORT * whole_s

    def _line(self) -> tuple[float, float] | None:
        """Return seconds a step and seconds a token, None while all steps were of one size."""
        squared = self._tokens**2
        spread = self._weight * self._tokens_squared - squared
        if spread <= LEAST_SPREAD * squared:
            return None
        slope = (self._weight * self._tokens_seconds - self._tokens * self._seconds) / spread
        token_s = max(slope, 0.0)
        return max((self._seconds - token_s * self._tokens) / self._weight, 0.0), token_s
