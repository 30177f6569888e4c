"""A loaded model and its limits, put together to an engine."""

import logging
from dataclasses import replace
from typing import Final

import torch

from planner_node.engine.batch import Chunk
from planner_node.engine.core import Engine, is_out_of_memory
from planner_node.engine.kv_cache import KvSlots
from planner_node.engine.limits import EngineLimits
from planner_node.engine.llama import LlamaForward, is_llama_shaped
from planner_node.engine.loading import LoadedModel
from planner_node.engine.model import Forward, TransformersForward
from planner_node.engine.refusal import explain
from planner_node.engine.sampler import choose

log = logging.getLogger(__name__)

WARM_UP_TOKENS: Final = 16  # enough to make every buffer and load every kernel


def assemble(loaded: LoadedModel, limits: EngineLimits) -> Engine:
    """Return an engine over the model; its context is the smaller of the model's and the limits'.

    Raises ``ModelNotLoaded`` when the caches do not fit beside the weights.
    """
    limits = replace(limits, context_tokens=min(limits.context_tokens, loaded.context_tokens))
    try:
        forward = _forward(loaded, limits)
        _warm_up(forward, min(WARM_UP_TOKENS, limits.context_tokens))
    except RuntimeError as exc:
        if not is_out_of_memory(exc):
            raise
        raise explain(loaded.id, exc) from exc
    log.info(
        "engine ready model=%s forward=%s rows=%d context_tokens=%d",
        loaded.id,
        type(forward).__name__,
        limits.rows,
        limits.context_tokens,
    )
    return Engine(forward, limits)


def _warm_up(forward: Forward, num_tokens: int) -> None:
    """Run once, so that what does not fit is known at the start and the first request is fast."""
    with torch.inference_mode():
        chunk = Chunk(slot=0, start=0, token_ids=[0] * num_tokens, num_outputs=1)
        choose(forward.scores(forward.hidden([chunk])), [])


def _forward(loaded: LoadedModel, limits: EngineLimits) -> Forward:
    slots = KvSlots(limits.rows, limits.context_tokens)
    if is_llama_shaped(loaded.model):
        return LlamaForward(loaded.model, slots)
    return TransformersForward(loaded.model, slots)
