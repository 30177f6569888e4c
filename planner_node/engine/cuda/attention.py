"""Attention of single tokens over cache rows, with grouped heads as they are.

torch's attention with a mask repeats every key head for the query heads that share it. Here a
program reads a key once for all of them, and a row's length is a number on the device, so nothing
about the shapes changes from step to step and the step can be recorded as a graph.
"""

from typing import Final

import torch
import triton
from torch import Tensor

from planner_node.engine.cuda.attention_kernel import gather_kernel, stretch_kernel

KEYS_A_STEP: Final = 64
FEWEST_HEADS: Final = 16  # the least that a tensor core takes
# So many programs keep a large device busy; beyond it, more stretches only add to the gathering.
ENOUGH_PROGRAMS: Final = 512
MOST_STRETCHES: Final = 16


def decode_attention(queries: Tensor, cache: Tensor, slots: Tensor, positions: Tensor) -> Tensor:
    """Return the mixed values [tokens, heads x head size].

    ``queries`` [tokens, heads, head size]; ``cache`` [rows, positions, 2, key heads, head size];
    token ``t`` lies in row ``slots[t]`` (int64) and sees its positions 0 to ``positions[t]``.
    """
    num_tokens, num_heads, head_size = queries.shape
    kv_heads = cache.shape[3]
    num_stretches = stretches_for(num_tokens * kv_heads, cache.shape[1])
    per_head = (num_tokens, num_heads, num_stretches)
    peaks = torch.empty(per_head, device=queries.device)
    weights = torch.empty_like(peaks)
    sums = torch.empty(*per_head, head_size, device=queries.device)
    out = torch.empty(num_tokens, num_heads * head_size, device=queries.device, dtype=queries.dtype)
    block_size = max(16, triton.next_power_of_2(head_size))
    stretch_kernel[num_tokens, kv_heads, num_stretches](
        queries,
        cache,
        slots,
        positions,
        sums,
        peaks,
        weights,
        head_size**-0.5,
        num_stretches,
        cache.stride(0),
        cache.stride(1),
        queries.stride(0),
        NUM_HEADS=num_heads,
        NUM_KV_HEADS=kv_heads,
        HEAD_SIZE=head_size,
        BLOCK_HEADS=max(FEWEST_HEADS, triton.next_power_of_2(num_heads // kv_heads)),
        BLOCK_SIZE=block_size,
        BLOCK_KEYS=KEYS_A_STEP,
    )
    gather_kernel[num_tokens * num_heads,](
        sums,
        peaks,
        weights,
        out,
        num_stretches,
        HEAD_SIZE=head_size,
        BLOCK_STRETCHES=triton.next_power_of_2(num_stretches),
        BLOCK_SIZE=block_size,
    )
    return out


def stretches_for(num_programs: int, num_positions: int) -> int:
    """Return into how many stretches keys are cut so that the device has enough to do.

    Depends on sizes that never change between the steps of one graph.
    """
    wanted = -(-ENOUGH_PROGRAMS // num_programs)
    useful = -(-num_positions // KEYS_A_STEP)
    return max(1, min(wanted, useful, MOST_STRETCHES))
