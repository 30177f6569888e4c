"""One request inside the engine: all its tokens, and how many of them the model has seen."""

import random
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from planner_node.engine.request import Finish, Request, Usage


class Sequence:
    """A request's whole state; the engine's thread is its only owner.

    ``tokens`` is prompt and output in one list, ``computed`` how many of them are in the cache.
    Whatever lies beyond ``computed`` - prompt, forced ids, the last sampled id - goes through the
    next forward together, so prefill and decode are one thing.
    """

    __slots__ = (
        "arrival",
        "cached_tokens",
        "computed",
        "error",
        "finished",
        "forced_tokens",
        "forward_passes",
        "max_tokens",
        "prefix",
        "random",
        "request",
        "sampled",
        "slot",
        "tokens",
    )

    def __init__(self, request: Request, context_tokens: int) -> None:
        self.request = request
        self.tokens = list(request.prompt)
        self.prefix = request.prompt[: request.prefix_tokens]  # what others share, or nothing
        self.max_tokens = min(len(request.prompt) + request.max_new_tokens, context_tokens)
        self.computed = 0
        self.arrival = 0
        self.slot = -1
        self.sampled = False
        self.finished: Finish | None = None
        self.error = ""
        self.forward_passes = 0
        self.forced_tokens = 0
        self.cached_tokens = 0
        # one draw per sampled token, whoever else is in the batch: seeds reproduce
        self.random = random.Random(request.sampling.seed)  # noqa: S311  not a secret

    @property
    def pending_tokens(self) -> int:
        """How many tokens the model has not seen yet."""
        return len(self.tokens) - self.computed

    def expired(self, now_s: float) -> bool:
        return self.request.deadline_s is not None and now_s >= self.request.deadline_s

    def usage(self) -> Usage:
        return Usage(
            prompt_tokens=len(self.request.prompt),
            completion_tokens=len(self.tokens) - len(self.request.prompt),
            forward_passes=self.forward_passes,
            forced_tokens=self.forced_tokens,
            cached_tokens=self.cached_tokens,
        )

    def open(self) -> list[int]:
        """Return the ids that the constraint dictates first; they go through with the prompt."""
        taken: list[int] = []
        with self._own_fault():
            taken = self._take_forced()
            self._settle()
        return taken

    def fill(self, mask: memoryview) -> None:
        """Let the constraint write what it allows next."""
        with self._own_fault():
            if self.request.constraint is not None:
                self.request.constraint.fill(mask)

    def commit(self, token_id: int) -> list[int]:
        """Take a sampled id and what the constraint dictates after it; return the new output."""
        self.sampled = True
        taken: list[int] = []
        with self._own_fault():
            constraint = self.request.constraint
            if constraint is not None and token_id not in self.request.stop_tokens:
                constraint.accept(token_id)
            taken = self._take((token_id,))
            taken += self._take_forced()
            self._settle()
        return taken

    def refuse(self) -> None:
        """End: no id could be chosen, because none is allowed or the scores are not numbers."""
        if self.request.constraint is None:
            self.finished = Finish.NOT_FINITE
            self.error = "the model's scores are not finite: use dtype bfloat16 or float32"
        else:
            self.finished = Finish.CONSTRAINT
            self.error = "the constraint allows no token"

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
        return taken

    def _settle(self) -> None:
        """Decide, after everything was taken, whether the request is at its end."""
        if self.finished is not None:
            return
        constraint = self.request.constraint
        if constraint is not None and constraint.done:
            self.finished = Finish.STOPPED
        elif len(self.tokens) >= self.max_tokens:
            self.finished = Finish.LENGTH

    @contextmanager
    def _own_fault(self) -> Iterator[None]:
        """End this request, and no other, when its constraint raises."""
        try:
            yield
        except Exception as exc:  # noqa: BLE001  a constraint is foreign code: its bugs stay its own
            self.finished = Finish.CONSTRAINT
            self.error = str(exc) or type(exc).__name__
