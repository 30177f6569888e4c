"""How fast a writer and its disk are, and how long a first errand may wait for company."""

from dataclasses import dataclass
from typing import Final

_QUICKER: Final = 0.5  # what a commit that was quicker than the disk is thought to be counts …
_SLOWER: Final = 0.005  # … and one that was slower, which others on the machine may have kept
_UNEVEN: Final = 1.5  # so much longer a disk takes at times


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
        self.disk_s = 0.0  # what the disk takes for a commit, where little disturbs it
        self._wait_s = commit_wait_ms / 1_000

    @property
    def usual_wait_s(self) -> float:
        """How long an errand waits where only the disk keeps it.

        For the group before it, for company, and for its own commit.
        """
        return self.patience_s + 2 * _UNEVEN * self.disk_s

    def count(self, errands: int, taken_s: float, disk_s: float) -> None:
        """Count a group that was committed, and learn how long the next one may gather.

        ``disk_s`` is what of the time was none of ours.
        """
        known = self.figures
        self.figures = CommitFigures(
            known.groups + 1, known.errands + errands, known.seconds + taken_s
        )
        # Who comes alone is not kept waiting, and waiting longer than a commit takes gains nothing.
        self.patience_s = min(self._wait_s, taken_s) if errands > 1 else 0.0
        self._learn_disk(disk_s)

    def _learn_disk(self, disk_s: float) -> None:
        if self.figures.groups == 1:
            self.disk_s = disk_s
        change_s = disk_s - self.disk_s
        self.disk_s += change_s * (_QUICKER if change_s < 0 else _SLOWER)
