"""Weight-only int8 products: half the bytes of float16, and bitsandbytes' own weights.

bitsandbytes' LLM.int8() quantizes the activations too, looks for outliers and waits for the host in
every layer. Decoding is bound by the bytes of the weights, so here they are read as int8 and
everything else stays in 16 bit.
"""

from typing import Final

import torch
import triton
from torch import Tensor

from planner_node.engine.cuda.int8_kernel import int8_linear_kernel

# The least that a tensor core takes; fewer rows are padded and cost nothing more than the read.
FEWEST_ROWS: Final = 16
MOST_ROWS: Final = 64
INPUTS_A_STEP: Final = 128
# 32 outputs a program are 128 programs for 4,096 outputs: about one for each multiprocessor of an
# H100 (132). With many rows the tile grows, because then arithmetic counts.
NARROW_OUTPUTS: Final = 32
WIDE_OUTPUTS: Final = 128


def int8_linear(x: Tensor, weight: Tensor, scale: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return x · (weight · scale)ᵀ + bias.

    ``x`` [rows, inputs] in float16 or bfloat16, ``weight`` int8 [outputs, inputs], ``scale``
    float32 [outputs]; all contiguous and on one device. The result has the dtype of ``x``.
    """
    num_rows, num_inputs = x.shape
    num_outputs = weight.shape[0]
    out = torch.empty(num_rows, num_outputs, dtype=x.dtype, device=x.device)
    block_rows = min(MOST_ROWS, max(FEWEST_ROWS, triton.next_power_of_2(num_rows)))
    block_outputs = NARROW_OUTPUTS if num_rows <= FEWEST_ROWS else WIDE_OUTPUTS
    grid = (triton.cdiv(num_outputs, block_outputs), triton.cdiv(num_rows, block_rows))
    int8_linear_kernel[grid](
        x.contiguous(),
        weight,
        scale,
        scale if bias is None else bias,
        out,
        num_rows,
        num_outputs,
        num_inputs,
        HAS_BIAS=bias is not None,
        BLOCK_ROWS=block_rows,
        BLOCK_OUTPUTS=block_outputs,
        BLOCK_INPUTS=INPUTS_A_STEP,
    )
    return out
