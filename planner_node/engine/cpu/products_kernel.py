"""Products of a few tokens with weights in memory as float32, as halves or as bfloat16.

A row of a weight meets up to eight tokens at a time: each number is read once, is made float32 in
a register, and all sums stay in registers. They are float32 as well.
"""

from collections import namedtuple

import numpy as np
from numba import njit, types
from numba.extending import overload

from planner_node.engine.cpu.intrinsics_kernel import bits_as_float
from planner_node.engine.cpu.lanes_kernel import (
    LANES,
    load,
    multiply_add,
    rounded_lanes,
    silu,
    spread,
    store,
)
from planner_node.engine.cpu.numbers_kernel import rounded, widen
from planner_node.engine.cpu.tiles_kernel import SIDE, multiply_tiles, split_input

# A weight's numbers [outputs, inputs]; what each output is multiplied by, and what is added.
Product = namedtuple("Product", ("numbers", "scale", "bias"))  # noqa: PYI024  numba reads its fields

TOKENS = 8  # that meet a weight at once; tables of tokens are padded to it
# Sums may be in any order; infinities and NaN stay what they are, for the engine looks for them.
MATH = {"reassoc", "contract", "nsz", "arcp"}
_NEAR_NUMBERS = 8_192  # of a weight that stay in the nearest cache while all tokens meet them
_LARGEST = np.float32(87.0)  # e to this is a float32, and so is its inverse
_LOG2_E = np.float32(1.442695040888963)
_LN_2_HIGH, _LN_2_LOW = np.float32(0.693359375), np.float32(-2.12194440e-4)
_EXP_5, _EXP_4, _EXP_3 = (
    np.float32(1.9875691e-4),
    np.float32(1.3981999e-3),
    np.float32(8.3334519e-3),
)
_EXP_2, _EXP_1, _EXP_0 = np.float32(4.1665796e-2), np.float32(1.6666666e-1), np.float32(0.5)


@njit(fastmath=MATH, error_model="numpy", inline="always")
def exponential(x):
    """Return e to ``x`` <= 87; source: Moshier, Cephes library, ``expf``."""
    x = max(x, -_LARGEST)
    power = np.floor(x * _LOG2_E + np.float32(0.5))
    rest = x - power * _LN_2_HIGH - power * _LN_2_LOW
    series = ((((_EXP_5 * rest + _EXP_4) * rest + _EXP_3) * rest + _EXP_2) * rest + _EXP_1) * rest
    series = (series + _EXP_0) * rest * rest + rest + np.float32(1.0)
    return series * bits_as_float((np.int32(power) + np.int32(127)) << np.int32(23))


@njit(fastmath=MATH, error_model="numpy")
def _one(row, x, token):
    total = np.float32(0)
    for i in range(len(row)):
        total += widen(row[i]) * x[token, i]
    return (total,)


@njit(fastmath=MATH, error_model="numpy")
def _two(row, x, token):
    a = b = np.float32(0)
    for i in range(len(row)):
        number = widen(row[i])
        a += number * x[token, i]
        b += number * x[token + 1, i]
    return a, b


@njit(fastmath=MATH, error_model="numpy")
def _four(row, x, token):
    a = b = c = d = np.float32(0)
    for i in range(len(row)):
        number = widen(row[i])
        a += number * x[token, i]
        b += number * x[token + 1, i]
        c += number * x[token + 2, i]
        d += number * x[token + 3, i]
    return a, b, c, d


@njit(fastmath=MATH, error_model="numpy")
def _eight(row, other, x, token):
    a0 = a1 = a2 = a3 = a4 = a5 = a6 = a7 = np.float32(0)
    b0 = b1 = b2 = b3 = b4 = b5 = b6 = b7 = np.float32(0)
    for i in range(len(row)):
        a, b = widen(row[i]), widen(other[i])
        x0, x1, x2, x3 = x[token, i], x[token + 1, i], x[token + 2, i], x[token + 3, i]
        x4, x5, x6, x7 = x[token + 4, i], x[token + 5, i], x[token + 6, i], x[token + 7, i]
        a0 += a * x0
        a1 += a * x1
        a2 += a * x2
        a3 += a * x3
        a4 += a * x4
        a5 += a * x5
        a6 += a * x6
        a7 += a * x7
        b0 += b * x0
        b1 += b * x1
        b2 += b * x2
        b3 += b * x3
        b4 += b * x4
        b5 += b * x5
        b6 += b * x6
        b7 += b * x7
    return (a0, a1, a2, a3, a4, a5, a6, a7), (b0, b1, b2, b3, b4, b5, b6, b7)


@njit(fastmath=MATH, error_model="numpy")
def _put(sums, product, out, token, column, adds, like):
    for n in range(len(sums)):
        before = out[token + n, column] if adds else np.float32(0)
        total = before + product.bias[column] + sums[n] * product.scale[column]
        out[token + n, column] = rounded(total, like)


@njit(fastmath=MATH, error_model="numpy")
def _multiply_eight(product, x, out, token, first, last, adds, like):
    weight = product.numbers
    for column in range(first, last - 1, 2):
        sums, others = _eight(weight[column], weight[column + 1], x, token)
        _put(sums, product, out, token, column, adds, like)
        _put(others, product, out, token, column + 1, adds, like)
    if (last - first) % 2:
        sums, others = _eight(weight[last - 1], weight[last - 1], x, token)
        _put(sums, product, out, token, last - 1, adds, like)


@njit(fastmath=MATH, error_model="numpy")
def _multiply_few(product, x, out, token, tokens, first, last, adds, like):
    for column in range(first, last):
        row = product.numbers[column]
        if tokens > 2:
            _put(_four(row, x, token), product, out, token, column, adds, like)
        elif tokens == 2:
            _put(_two(row, x, token), product, out, token, column, adds, like)
        else:
            _put(_one(row, x, token), product, out, token, column, adds, like)


def lay_out(product, scratch, x, tokens, like):
    """Make x[:tokens] what ``multiply`` takes, for this product and others of as many inputs."""
    raise NotImplementedError(product, scratch, x, tokens, like)


@overload(lay_out)
def _lay_out(product, scratch, x, tokens, like):
    if product[0].dtype == types.int32:
        return lambda product, scratch, x, tokens, like: split_input(
            product, scratch, x, tokens, like
        )
    return lambda product, scratch, x, tokens, like: None


def multiply(product, scratch, x, out, tokens, first, last, adds, like):
    """Write out[:tokens, first:last] = x · numbers[first:last]ᵀ · scale + bias, or add it.

    ``x`` was laid out. What follows in ``out``, up to eight tokens in all, may be overwritten too.
    """
    raise NotImplementedError(product, scratch, x, out, tokens, first, last, adds, like)


@overload(multiply)
def _multiply(product, scratch, x, out, tokens, first, last, adds, like):
    if product[0].dtype == types.int32:
        return lambda product, scratch, x, out, tokens, first, last, adds, like: multiply_tiles(
            product, scratch, out, tokens, first, last, adds, like
        )
    return lambda product, scratch, x, out, tokens, first, last, adds, like: _multiply_rows(
        product, x, out, tokens, first, last, adds, like
    )


def below(numbers, outputs):
    """Return the weight of a product without its first ``outputs``."""
    raise NotImplementedError(numbers, outputs)


@overload(below)
def _below(numbers, outputs):
    if numbers.dtype == types.int32:
        return lambda numbers, outputs: numbers[outputs // SIDE :]
    return lambda numbers, outputs: numbers[outputs:]


@njit(fastmath=MATH, error_model="numpy")
def _multiply_rows(product, x, out, tokens, first, last, adds, like):
    step = max(2, _NEAR_NUMBERS // product.numbers.shape[1] // 2 * 2)
    for block in range(first, last, step):
        stop, token = min(block + step, last), 0
        while tokens - token > 4:
            _multiply_eight(product, x, out, token, block, stop, adds, like)
            token += TOKENS
        if token < tokens:
            _multiply_few(product, x, out, token, tokens - token, block, stop, adds, like)


@njit(fastmath=MATH, error_model="numpy")
def multiply_gated(product, scratch, x, ups, out, tokens, first, last, like):
    """Write out[:, first:last] = silu(x · gateᵀ) · (x · upᵀ); the product is gate, then up.

    And the rest of the last sixteen, which is no number's place.
    """
    half = len(product.bias) // 2
    multiply(product, scratch, x, out, tokens, first, last, False, like)
    up = Product(below(product.numbers, half), product.scale[half:], product.bias[half:])
    multiply(up, scratch, x, ups, tokens, first, last, False, like)
    nothing = spread(np.float32(0))
    for token in range(tokens):
        row = token * out.shape[1]
        for cell in range(row + first, row + last, LANES):
            opened = rounded_lanes(silu(load(out, cell)), like)
            result = multiply_add(opened, load(ups, cell), nothing)
            store(out, cell, rounded_lanes(result, like))


@njit(fastmath=MATH, error_model="numpy")
def normalize(x, weight, epsilon, y, tokens, like):
    """Write y = x / sqrt(mean(x²) + epsilon) · weight; see ``norm``."""
    size = len(weight)
    for token in range(tokens):
        total = np.float32(0)
        for i in range(size):
            total += x[token, i] * x[token, i]
        factor = np.float32(1.0) / np.sqrt(total / np.float32(size) + epsilon)
        for i in range(size):
            y[token, i] = rounded(rounded(x[token, i] * factor, like) * weight[i], like)
