"""What one generation is asked for, what comes back, and who may shape it; knows no torch."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Protocol, TypeAlias

Biases: TypeAlias = tuple[tuple[int, float], ...]  # (id, logits) added to that id's score


class Constraint(Protocol):
    """Says which token may come next and which ones must; one per request, stateful.

    Only the engine's thread calls it, in this order: ``forced`` once at admission, then for each
    chosen token ``legal`` or ``fill`` → ``accept`` → ``forced``, until ``done``. A draft goes ahead
    in the same way and is taken back with ``rollback``. A constraint that cannot go on raises
    ``planner_node.errors.ConstraintBroken``, which ends its own request and no other.
    """

    @property
    def done(self) -> bool:
        """Whether the document is complete: the request ends without a forward for its EOS."""
        ...

    def forced(self) -> list[int]:
        """Return the ids dictated next, already consumed by the constraint; empty when free."""
        ...

    def fill(self, mask: memoryview) -> None:
        """Write the set of allowed ids into ``mask``.

        ``mask`` is a writable, contiguous view of int32 words (format ``"i"``), one bit per id,
        the lowest bit first: id ``t`` is allowed when ``mask[t // 32] >> (t % 32) & 1``. It has
        ``ceil(vocabulary / 32)`` words, holds stale bits on entry, and must be written in full.
        """
        ...

    def legal(self, token_id: int) -> bool:
        """Tell whether ``accept`` would take the id; much cheaper than a mask of all ids.

        May say no to every id where ``fill`` allows some. Where it says yes to one, the two agree.
        """
        ...

    def accept(self, token_id: int) -> None:
        """Consume one chosen id; raise ``ConstraintBroken`` when it is not allowed."""
        ...

    def rollback(self, num_tokens: int) -> None:
        """Take back the last ids, whether ``accept`` or ``forced`` consumed them."""
        ...


# Scores divided by less than this are no numbers any more; what is left of chance is nothing.
LEAST_TEMPERATURE: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a token is chosen; temperature 0 is greedy, and the same seed gives the same tokens."""

    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.temperature >= 0.0:  # also refuses NaN
            raise ValueError(f"temperature must be 0 or more, not {self.temperature}")
        if not 0.0 < self.top_p <= 1.0:
            raise ValueError(f"top_p must be in (0, 1], not {self.top_p}")

    @property
    def is_greedy(self) -> bool:
        """Whether the best id is taken, without a draw."""
        return self.temperature < LEAST_TEMPERATURE


@dataclass(frozen=True, slots=True)
class Request:
    """One generation.

    ``prefix_tokens`` leading ids of ``prompt`` are shared with other requests (system text and
    tool): they are prefilled once and kept. Stop tokens end the row and are not part of the output.
    ``max_new_tokens`` bounds everything the row puts out, forced ids included.
    ``deadline_s`` is of ``Clock.monotonic_s``. ``biases`` lean one choice, the one between their
    ids: they count until the first of these is written, so name what leans nowhere with 0.
    The first of ``milestone_tokens`` that is written ends what is waited for most: until then the
    row is *urgent*, and goes ahead of those that are past theirs.
    """

    request_id: str
    prompt: tuple[int, ...]
    prefix_tokens: int = 0
    max_new_tokens: int = 256
    stop_tokens: frozenset[int] = frozenset()
    sampling: Sampling = field(default_factory=Sampling)
    constraint: Constraint | None = None
    deadline_s: float | None = None
    biases: Biases = ()  # see above
    milestone_tokens: frozenset[int] = frozenset()  # see above

    def __post_init__(self) -> None:
        if not self.prompt:
            raise ValueError("prompt must have at least one token")
        if self.max_new_tokens < 1:
            raise ValueError(f"max_new_tokens must be 1 or more, not {self.max_new_tokens}")
        if not 0 <= self.prefix_tokens <= len(self.prompt):
            raise ValueError(f"prefix_tokens must be within the prompt, not {self.prefix_tokens}")


class Finish(StrEnum):
    """Why a request ended."""

    STOPPED = "stopped"  # a stop token came, or the constraint's document is complete
    LENGTH = "length"  # max_new_tokens or the context is used up
    CANCELED = "canceled"  # the reader left
    DEADLINE = "deadline"  # its deadline passed, waiting or running
    OUT_OF_MEMORY = "out_of_memory"  # its step did not fit the device; the engine goes on
    CONSTRAINT = "constraint"  # its constraint broke; the others go on
    NOT_FINITE = "not_finite"  # the model's scores are not numbers, as float16 overflows give
    DIED = "died"  # the engine is gone, and so are all its requests


@dataclass(frozen=True, slots=True)
class Usage:
    """What a request cost; ``forward_passes`` counts the steps it took part in.

    ``accepted_tokens`` were guessed, and checked several at once, instead of chosen one by one.
    """

    prompt_tokens: int = 0
    completion_tokens: int = 0
    forward_passes: int = 0
    forced_tokens: int = 0
    cached_tokens: int = 0
    accepted_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Event:
    """News of one request: new ids, or its end (``finished`` and ``usage`` set), or both."""

    request_id: str
    token_ids: tuple[int, ...] = ()
    finished: Finish | None = None
    usage: Usage | None = None
    error: str = ""


class TokenEngine(Protocol):
    """Anything that turns a request into a stream of ids."""

    def generate(self, request: Request) -> AsyncGenerator[Event, None]:
        """Yield the request's events; exactly one, the last, has ``finished`` set.

        Leaving the iterator cancels the request: leave it with ``contextlib.aclosing``, else the
        cancel waits for the collector. Raises, at the first ``anext``, ``EngineBusy`` when nothing
        more can wait, ``ContextTooLong`` when the prompt leaves no room, ``EngineDied`` when the
        engine is gone; a request that was taken never raises, it ends by its last event.
        """
        ...
