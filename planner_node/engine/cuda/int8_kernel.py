"""The kernel behind ``int8``: a tile of the output a program, weights dequantized in registers."""

import triton
import triton.language as tl


@triton.jit
def int8_linear_kernel(
    x,
    weight,
    scale,
    bias,
    out,
    num_rows,
    num_outputs,
    num_inputs,
    HAS_BIAS: tl.constexpr,
    BLOCK_ROWS: tl.constexpr,
    BLOCK_OUTPUTS: tl.constexpr,
    BLOCK_INPUTS: tl.constexpr,
):
    """Write out[rows, outputs] = x[rows, inputs] · (weight[outputs, inputs] · scale[outputs])ᵀ.

    An int8 is exact in float16 and bfloat16, so the product loses nothing but the scale's
    rounding, and the scale is applied in float32 after the sum.
    """
    outputs = tl.program_id(0) * BLOCK_OUTPUTS + tl.arange(0, BLOCK_OUTPUTS)
    rows = tl.program_id(1) * BLOCK_ROWS + tl.arange(0, BLOCK_ROWS)
    is_row = rows < num_rows
    is_output = outputs < num_outputs
    row_starts = x + rows.to(tl.int64) * num_inputs
    weight_starts = weight + outputs.to(tl.int64) * num_inputs
    total = tl.zeros([BLOCK_ROWS, BLOCK_OUTPUTS], dtype=tl.float32)
    for first in range(0, num_inputs, BLOCK_INPUTS):
        inputs = first + tl.arange(0, BLOCK_INPUTS)
        is_input = inputs < num_inputs
        left = tl.load(
            row_starts[:, None] + inputs[None, :],
            mask=is_row[:, None] & is_input[None, :],
            other=0.0,
        )
        right = tl.load(
            weight_starts[None, :] + inputs[:, None],
            mask=is_output[None, :] & is_input[:, None],
            other=0,
        )
        total += tl.dot(left, right.to(left.dtype))
    total *= tl.load(scale + outputs, mask=is_output, other=0.0)[None, :]
    if HAS_BIAS:
        total += tl.load(bias + outputs, mask=is_output, other=0.0).to(tl.float32)[None, :]
    cells = out + rows.to(tl.int64)[:, None] * num_outputs + outputs[None, :]
    tl.store(cells, total.to(out.dtype.element_ty), mask=is_row[:, None] & is_output[None, :])
