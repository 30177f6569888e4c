"""How fast a writer writes, and how long a first errand may wait for others to share its commit."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CommitFigures:
    """What the writer has done since its start; groups that failed are not in it."""

    groups: int = 0
    errands: int = 0
    seconds: float = 0.0


class Pace:
    """One writer's figures, and what it learns from them; written by the writer alone."""

    def __init__(self, commit_wait_ms: int) -> None:
        self.figures = CommitFigures()  # replaced whole, so that anybody may read it
        self.patience_s = 0.0  # how long a first errand waits for others
        self._wait_s = commit_wait_ms / 1_000

    def count(self, errands: int, taken_s: float) -> None:
        """Count a group that was committed, and learn how long the next one may gather."""
        known = self.figures
        self.figures = CommitFigures(
            known.groups + 1, known.errands + errands, known.seconds + taken_s
        )
        # Who comes alone is not kept waiting, and waiting longer than a commit takes gains nothing.
        self.patience_s = min(self._wait_s, taken_s) if errands > 1 else 0.0
