"""The numbers an engine is given, and the numbers it gives back."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EngineLimits:
    """How much of everything: memory is bounded by ``rows`` x ``context_tokens``."""

    rows: int = 16  # requests decoded in one batch
    waiting: int = 256  # requests that may wait for a row; more are refused
    context_tokens: int = 4096  # prompt and output of one row; the model's own limit may be lower
    prefill_tokens: int = 256  # prompt tokens a step may take on, so that running rows keep pace
    prefixes: int = 8  # shared prefixes kept; 0 keeps none
    urgent_steps: int = 4  # of urgent rows alone, between two steps of all rows
    draft_tokens: int = 128  # guessed tokens a step may check, over all rows; 0 guesses nothing

    def __post_init__(self) -> None:
        for name in ("rows", "waiting", "context_tokens", "prefill_tokens"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be 1 or more, not {getattr(self, name)}")
        for name in ("prefixes", "urgent_steps", "draft_tokens"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be 0 or more, not {getattr(self, name)}")


@dataclass(slots=True)
class EngineStats:
    """What the engine did since it was built; totals but for ``rows`` and ``waiting``.

    The engine's thread counts in its own copy and hands out others.
    """

    requests: int = 0
    admitted: int = 0  # given a row
    queue_wait_seconds: float = 0.0  # until they were, summed
    forward_passes: int = 0
    forward_rows: int = 0  # rows summed over the forward passes: ÷ forward_passes = mean batch
    prompt_tokens: int = 0  # taken on with admitted requests, the cached ones included
    cached_tokens: int = 0
    sampled_tokens: int = 0
    forced_tokens: int = 0
    drafted_tokens: int = 0  # guessed, and checked by the model
    accepted_tokens: int = 0  # of those, the ones it would have chosen itself
    prefix_hits: int = 0
    prefix_misses: int = 0
    out_of_memory: int = 0
    rows: int = 0  # now
    waiting: int = 0  # now
