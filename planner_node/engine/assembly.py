"""A loaded model and its limits, put together to engines that are known to compute the same."""

import logging
import os
from dataclasses import replace
from typing import Final

import torch
from torch import Tensor

from planner_node.engine.batch import Chunk
from planner_node.engine.core import Engine
from planner_node.engine.kv_cache import KvSlots
from planner_node.engine.limits import EngineLimits
from planner_node.engine.llama import LlamaForward, is_llama_shaped
from planner_node.engine.loading import ONE_THREAD_BYTES, LoadedModel
from planner_node.engine.model import Forward, TransformersForward
from planner_node.engine.refusal import explain
from planner_node.engine.threads import ThreadChoice
from planner_node.errors import ModelNotLoaded

log = logging.getLogger(__name__)

TRIAL_TOKENS: Final = 16
# Rounding of half precision stays far above this, another kind of cache far below.
LOWEST_SIMILARITY: Final = 0.97
# Side by side they write one Python program, one at a time: four of them have it at work always.
MOST_ENGINES: Final = 4


def assemble(loaded: LoadedModel, limits: EngineLimits, threads: int = 0) -> Engine:
    """Return an engine over the model; its context is the smaller of the model's and the limits'.

    ``threads`` are what the model was loaded for; 0 leaves those of a small one to each step.

    Raises ``ModelNotLoaded`` when the caches do not fit beside the weights, or when the model
    keeps something else than keys and values and so cannot be batched this way.
    """
    forward = _checked_forward(loaded, limits)
    _log_ready(loaded, [forward])
    return Engine(forward, limits, threads=None if threads else choice_of_threads(loaded))


def assemble_all(loaded: LoadedModel, limits: EngineLimits, threads: int = 0) -> list[Engine]:
    """Return engines that share the weights, the threads and the limits; raise as ``assemble``.

    A compiled forward does not hold up the interpreter. So there are several engines then, and the
    loop of one runs beside the forwards of others. Of any other model there is one.
    """
    total = threads or os.cpu_count() or 1
    number = min(total, MOST_ENGINES, limits.rows) if _is_small(loaded) else 1
    if number == 1:
        return [assemble(loaded, limits, threads)]
    share = replace(limits, rows=-(-limits.rows // number), waiting=-(-limits.waiting // number))
    forwards = _side_by_side(_checked_forward(loaded, share), number)
    if len(forwards) == 1:
        return [assemble(loaded, limits, threads)]
    engines: list[Engine] = []

    def most_threads() -> int:
        num_busy = sum(not engine.idle for engine in engines)
        return max(1, total // max(1, num_busy))

    for forward in forwards:
        choice = ThreadChoice((threads or 1, threads or 2), torch.set_num_threads, most_threads)
        engines.append(Engine(forward, share, threads=choice))
    _log_ready(loaded, forwards)
    return engines


def _side_by_side(forward: Forward, number: int) -> list[Forward]:
    """Return so many forwards over the same weights, or this one if it is not compiled."""
    from planner_node.engine.cpu.forward import CompiledLlama  # noqa: PLC0415  imports numba

    if not isinstance(forward, CompiledLlama):
        return [forward]
    rows, context_tokens = forward.slots.rows, forward.slots.context_tokens
    others = [forward.beside(KvSlots(rows, context_tokens)) for _ in range(number - 1)]
    return [forward, *others]


def _checked_forward(loaded: LoadedModel, limits: EngineLimits) -> Forward:
    """Return a forward that gives the model's scores; raise ``ModelNotLoaded``."""
    limits = replace(limits, context_tokens=min(limits.context_tokens, loaded.context_tokens))
    try:
        forward = forward_of(loaded, limits)
        similarity = _similarity(loaded, forward)
    except Exception as exc:
        raise explain(loaded.id, exc) from exc
    if not similarity >= LOWEST_SIMILARITY:
        raise ModelNotLoaded(
            f"{loaded.id} ({loaded.model.config.model_type}) gives other scores in a batch "
            f"(similarity {similarity:.3f}): it does not keep plain keys and values. "
            "Choose a model of another kind, such as a Llama",
            cause="UNSUPPORTED",
            model=loaded.id,
        )
    return forward


def _log_ready(loaded: LoadedModel, forwards: list[Forward]) -> None:
    """Tell what is there now; rows and cache are those of all engines."""
    first = forwards[0]
    log.info(
        "engine ready model=%s forward=%s engines=%d rows=%d context_tokens=%d cache_mib=%d",
        loaded.id,
        type(first).__name__,
        len(forwards),
        sum(forward.slots.rows for forward in forwards),
        first.slots.context_tokens,
        sum(forward.slots.num_bytes for forward in forwards) >> 20,
    )


def _is_small(loaded: LoadedModel) -> bool:
    """Tell whether a model's steps are so short, on a CPU, that threads are chosen for each."""
    on_cpu = loaded.model.get_input_embeddings().weight.device.type == "cpu"
    return on_cpu and loaded.memory_bytes < ONE_THREAD_BYTES


def choice_of_threads(loaded: LoadedModel) -> ThreadChoice | None:
    """Return what chooses the threads of each step; None where one number is always right."""
    if not _is_small(loaded):
        return None
    return ThreadChoice((1, 2), torch.set_num_threads, lambda: os.cpu_count() or 1)


def forward_of(loaded: LoadedModel, limits: EngineLimits) -> Forward:
    """Return our own forward pass where the model is one it knows, else that of transformers."""
    slots = KvSlots(limits.rows, limits.context_tokens)
    if not is_llama_shaped(loaded.model):
        return TransformersForward(loaded.model, slots)
    if loaded.model.get_input_embeddings().weight.device.type == "cuda":
        return _recorded(loaded, slots)
    return compiled(LlamaForward(loaded.model, slots))


def compiled(plain: LlamaForward) -> Forward:
    """Return the forward whose steps of few tokens are compiled, where the model is one for it."""
    from planner_node.engine.cpu.compiling import has_tiles  # noqa: PLC0415  imports numba
    from planner_node.engine.cpu.forward import CompiledLlama, products_of  # noqa: PLC0415  slow

    in_tiles = has_tiles()
    if not products_of(plain, in_tiles=in_tiles):
        return plain
    forward = CompiledLlama(plain, in_tiles=in_tiles)
    forward.prepare()
    return forward


def _recorded(loaded: LoadedModel, slots: KvSlots) -> Forward:
    from planner_node.engine.cuda.forward import RecordedLlama  # noqa: PLC0415  imports Triton
    from planner_node.engine.cuda.int8 import int8_linear  # noqa: PLC0415  imports Triton

    recorded = RecordedLlama(LlamaForward(loaded.model, slots, int8_linear))
    recorded.prepare()
    return recorded


@torch.inference_mode()
def _similarity(loaded: LoadedModel, forward: Forward) -> float:
    """Return how alike (cosine) our scores in two chunks and the model's own in one run are.

    Also the warm-up: every buffer is made and every kernel loaded, so what does not fit is known
    at the start and the first request is fast.
    """
    num_tokens = min(TRIAL_TOKENS, forward.slots.context_tokens)
    token_ids = [7 * n % forward.vocabulary_tokens for n in range(num_tokens)]
    half = num_tokens // 2
    forward.hidden([Chunk(0, 0, token_ids[:half], 0)])
    ours = forward.scores(forward.hidden([Chunk(0, half, token_ids[half:], 1)]))[0]
    theirs: Tensor = loaded.model(torch.tensor([token_ids], device=forward.device)).logits[0, -1]
    similarity = torch.cosine_similarity(ours.float(), theirs.to(ours.device).float(), dim=0)
    return float(similarity)
