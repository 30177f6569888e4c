"""One request inside the engine: all its tokens, and how many of them the model has seen."""

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Self

from planner_node.engine.kv_cache import Prefix
from planner_node.engine.request import Biases, Finish, Request, Usage

URGENT_TOKENS: Final = 96  # of output; a row that has no milestone by then may never have one


@dataclass(slots=True)
class Draft:
    """Ids that go through the next forward on trust, to be kept as far as they prove right.

    ``is_forced`` marks those that the constraint dictates once what stands before them is right.
    """

    token_ids: list[int] = field(default_factory=list)
    is_forced: list[bool] = field(default_factory=list)

    def num_right(self, best: list[int]) -> int:
        """Return how many leading ids are the ones that were to be chosen at their places."""
        for place, token_id in enumerate(self.token_ids):
            if token_id != best[place] and not self.is_forced[place]:
                return place
        return len(self.token_ids)


class Sequence:
    """A request's whole state; the engine's thread is its only owner.

    ``tokens`` is prompt and output in one list, ``computed`` how many of them are in the cache.
    Whatever lies beyond ``computed`` - prompt, forced ids, the last sampled id - goes through the
    next forward together, so prefill and decode are one thing. A ``draft`` follows behind it; the
    constraint has consumed it already, the tokens do not hold it yet.

    ``with sequence:`` ends this request, and no other, when its constraint raises. It is entered
    several times a token, which is why it is no generator.
    """

    __slots__ = (
        "accepted_tokens",
        "added_s",
        "arrival",
        "biases",
        "cached_tokens",
        "computed",
        "draft",
        "error",
        "finished",
        "forced_tokens",
        "forward_passes",
        "is_urgent",
        "max_tokens",
        "prefix",
        "random",
        "request",
        "sampled",
        "shared",
        "slot",
        "tokens",
    )

    def __init__(self, request: Request, context_tokens: int) -> None:
        self.request = request
        self.tokens = list(request.prompt)
        self.biases = request.biases  # nothing any more once the choice that they lean is made
        self.prefix = request.prompt[: request.prefix_tokens]  # what others share, or nothing
        self.max_tokens = min(len(request.prompt) + request.max_new_tokens, context_tokens)
        self.computed = 0
        self.added_s = 0.0
        self.arrival = 0
        self.slot = -1
        self.sampled = False
        self.is_urgent = bool(request.milestone_tokens)
        self.finished: Finish | None = None
        self.error = ""
        self.forward_passes = 0
        self.forced_tokens = 0
        self.cached_tokens = 0
        self.accepted_tokens = 0
        self.draft = Draft()
        self.shared: Prefix | None = None  # the stored prefix that the row begins with
        # one draw per sampled token, whoever else is in the batch: seeds reproduce
        self.random = random.Random(request.sampling.seed)  # noqa: S311  not a secret

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, _: object
    ) -> bool:
        if not isinstance(raised, Exception):
            return False
        # a constraint is foreign code: its bugs stay its own
        self.finished = Finish.CONSTRAINT
        self.error = str(raised) or type(raised).__name__
        return True

    @property
    def pending_tokens(self) -> int:
        """How many tokens the model has not seen yet."""
        return len(self.tokens) - self.computed

    @property
    def is_greedy(self) -> bool:
        return self.request.sampling.is_greedy

    @property
    def is_complete(self) -> bool:
        """Whether nothing more is to be chosen: it is at an end, or its document is."""
        constraint = self.request.constraint
        return self.finished is not None or (constraint is not None and constraint.done)

    def expired(self, now_s: float) -> bool:
        return self.request.deadline_s is not None and now_s >= self.request.deadline_s

    def usage(self) -> Usage:
        return Usage(
            prompt_tokens=len(self.request.prompt),
            completion_tokens=len(self.tokens) - len(self.request.prompt),
            forward_passes=self.forward_passes,
            forced_tokens=self.forced_tokens,
            cached_tokens=self.cached_tokens,
            accepted_tokens=self.accepted_tokens,
        )

    def open(self) -> list[int]:
        """Return the ids that the constraint dictates first; they go through with the prompt."""
        taken: list[int] = []
        with self:
            taken = self._take_forced()
            self._settle()
        return taken

    def guess(self, token_id: int) -> list[int]:
        """Put an id on the draft, and what the constraint dictates after it; return them.

        Nothing is put on, and nothing returned, where the id cannot stand or there is no room.
        """
        room = self.max_tokens - len(self.tokens) - len(self.draft.token_ids)
        constraint = self.request.constraint
        if token_id in self.request.stop_tokens or room < 1:
            return []
        added = [token_id]
        with self:
            if constraint is not None:
                if constraint.done or not constraint.legal(token_id):
                    return []
                constraint.accept(token_id)
                added += constraint.forced()
                if len(added) > room or not self.request.stop_tokens.isdisjoint(added):
                    constraint.rollback(len(added))
                    return []
        if self.finished is not None:
            return []
        self.draft.token_ids += added
        self.draft.is_forced += [False] + [True] * (len(added) - 1)
        return added

    def settle_draft(self, best: list[int]) -> int:
        """Return how much of the draft was right, and take the constraint back to there.

        ``best`` [draft + 1] are the ids that were to be chosen at the draft's places.
        """
        num_right = self.draft.num_right(best)
        with self:
            if self.request.constraint is not None:
                self.request.constraint.rollback(len(self.draft.token_ids) - num_right)
        return num_right

    def take_draft(self, draft: Draft, num_right: int) -> list[int]:
        """Take over the right beginning of a draft, which is in the cache; return it."""
        self.draft = Draft()
        if self.finished is not None or not num_right:
            return []
        num_forced = sum(draft.is_forced[:num_right])
        self.sampled = True
        self.computed += num_right
        self.forced_tokens += num_forced
        self.accepted_tokens += num_right - num_forced
        taken = self._take(draft.token_ids[:num_right])
        self._settle()
        return taken

    def biases_after(self, num_drafted: int) -> Biases:
        """Return the biases behind so many ids of the draft."""
        if not self.biases or self._is_choice(self.draft.token_ids[:num_drafted]):
            return ()
        return self.biases

    def allows(self, token_id: int) -> bool:
        """Tell whether the id may come next; a quick no is to be checked with a mask."""
        constraint = self.request.constraint
        legal = True
        with self:
            if constraint is not None:
                legal = constraint.legal(token_id)
        return legal

    def fill(self, mask: memoryview) -> None:
        """Let the constraint write what it allows next."""
        with self:
            if self.request.constraint is not None:
                self.request.constraint.fill(mask)

    def commit(self, token_id: int) -> list[int]:
        """Take a sampled id and what the constraint dictates after it; return the new output."""
        self.sampled = True
        taken: list[int] = []
        with self:
            constraint = self.request.constraint
            if constraint is not None and token_id not in self.request.stop_tokens:
                constraint.accept(token_id)
            taken = self._take((token_id,))
            taken += self._take_forced()
            self._settle()
        return taken

    def refuse(self, *, is_finite: bool) -> None:
        """End: no id could be chosen, because none is allowed or the scores are not numbers."""
        if is_finite:
            self.finished = Finish.CONSTRAINT
            self.error = "the constraint allows no token"
        else:
            self.finished = Finish.NOT_FINITE
            self.error = "the model's scores are not finite: use dtype bfloat16 or float32"

    def _take_forced(self) -> list[int]:
        constraint = self.request.constraint
        if constraint is None or constraint.done or self.finished is not None:
            return []
        taken = self._take(constraint.forced())
        self.forced_tokens += len(taken)
        return taken

    def _take(self, token_ids: Iterable[int]) -> list[int]:
        """Append output ids up to a stop token or the limit, whichever cuts the run."""
        taken: list[int] = []
        for token_id in token_ids:
            if token_id in self.request.stop_tokens:
                self.finished = Finish.STOPPED
                break
            if len(self.tokens) >= self.max_tokens:
                self.finished = Finish.LENGTH
                break
            self.tokens.append(token_id)
            taken.append(token_id)
        if self.biases and self._is_choice(taken):
            self.biases = ()
        if self.is_urgent:
            num_output = len(self.tokens) - len(self.request.prompt)
            is_before = self.request.milestone_tokens.isdisjoint(taken)
            self.is_urgent = is_before and num_output < URGENT_TOKENS
        return taken

    def _is_choice(self, token_ids: list[int]) -> bool:
        """Tell whether one of the ids that a bias leans is among these."""
        return any(token_id in token_ids for token_id, _ in self.biases)

    def _settle(self) -> None:
        """Decide, after everything was taken, whether the request is at its end."""
        if self.finished is not None:
            return
        constraint = self.request.constraint
        if constraint is not None and constraint.done:
            self.finished = Finish.STOPPED
        elif len(self.tokens) >= self.max_tokens:
            self.finished = Finish.LENGTH
