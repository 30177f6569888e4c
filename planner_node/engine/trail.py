"""Which earlier plan a row follows: at first the one asked most alike, then part by part.

A plan comes in parts, each ending with a milestone. Parts that begin alike go on alike, whatever
plan they are of, with the names exchanged. So where the row has left what it follows, it goes over
to the latest part that begins as its own does, and names are exchanged as the parts before tell.
"""

from collections.abc import Sequence as Many
from typing import Final, Self, TypeAlias

from planner_node.engine.follower import Follower, Guess, fork_of
from planner_node.engine.ngrams import ngram_keys
from planner_node.engine.plan_log import PROMPT, PlanLog
from planner_node.engine.request import Request

SHORTEST_LIKENESS: Final = 2  # ids in a row that two prompts must share, to count as alike
TELLING_PARTS: Final = 2  # parts before this one that tell whose name stands for whose
LONGEST_PART: Final = 128  # ids; what goes on for longer without a milestone is no part of a plan
LONGEST_PROMPT: Final = 512  # ids of a prompt's end, where the instruction is, that are compared
Part: TypeAlias = tuple[int, ...]


class Trail:
    """A row's way along earlier plans; ``fork`` gives another that goes on as guessed."""

    __slots__ = (
        "_earlier",
        "_follower",
        "_is_sought",
        "_log",
        "_milestones",
        "_part",
        "has_gone_over",
        "words",
    )

    def __init__(self, request: Request, log: PlanLog) -> None:
        asked = request.prompt[request.prefix_tokens :]
        self.words = frozenset(asked)
        self._log = log
        self._milestones = request.milestone_tokens
        self._earlier: tuple[Part, ...] = ()  # the latest parts that are whole
        self._part: Part = ()  # what is written of the next
        self._is_sought = False
        self.has_gone_over = False  # to another part, since it was forked
        self._follower = Follower(log, None, self.words)
        first = max(request.prefix_tokens, len(request.prompt) - LONGEST_PROMPT)
        if (likest := self._likest(request.prompt, first)) is not None:
            self._follower.start(likest, asked[-LONGEST_PROMPT:])

    @property
    def run(self) -> int:
        """Return how many ids came as expected since the last that did not."""
        return self._follower.run

    @property
    def is_within_name(self) -> bool:
        return self._follower.is_within_name

    def fork(self) -> Self:
        forked = fork_of(self)
        forked._follower = self._follower.fork()  # noqa: SLF001  of its own kind
        forked.has_gone_over = False
        return forked

    def step(self, token_id: int) -> None:
        """Go on with the id that came."""
        was_within_name = self._follower.is_within_name
        self._follower.step(token_id)
        self._is_sought = was_within_name and self._follower.is_within_name
        if len(self._part) < LONGEST_PART:
            self._part = (*self._part, token_id)
        if token_id in self._milestones:
            self._earlier = (*self._earlier, self._part)[-TELLING_PARTS:]
            self._part = ()
            self._follower.hits = 0

    def guess(self) -> Guess | None:
        """Return the id that should come next, and what kind of guess it is; or None."""
        self.seek()
        return self._follower.guess()

    def seek(self, *, anew: bool = False) -> None:
        """Where nothing is followed, or what is written differs, look for what goes better with it.

        That is the latest part with the same beginning; before there is one, what came after the
        latest part like the last. Within a name it is looked for once, unless ``anew``.
        """
        if not self._follower.is_lost or (self._is_sought and not anew):
            return
        if len(self._part) >= LONGEST_PART:
            return
        self._is_sought = True
        begin = self._log.part_like(self._part) if self._part else self._next_part()
        if begin is None:
            return
        other = self._follower.fork()
        other.go_to_part(begin, self._part, self._earlier)
        if not self._follower.is_within_name or other.hits > self._follower.hits:
            self._follower = other
            self.has_gone_over = True

    def _next_part(self) -> int | None:
        return self._log.part_after(self._earlier[-1]) if self._earlier else None

    def _likest(self, prompt: Many[int], first: int) -> int | None:
        """Return where the row begins whose prompt has most in common, or else the latest."""
        likeness: dict[int, int] = {}
        for stop in range(first + SHORTEST_LIKENESS, len(prompt) + 1):
            keys = ngram_keys(prompt, stop, PROMPT)
            if (found := self._log.longest_behind(keys, SHORTEST_LIKENESS)) is not None:
                place, size = found
                begin = self._log.row_at(place).begin
                likeness[begin] = likeness.get(begin, 0) + size
        return max(likeness, key=lambda begin: (likeness[begin], begin), default=self._log.latest)
