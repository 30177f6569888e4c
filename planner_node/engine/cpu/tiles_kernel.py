"""Products in the tile registers of Intel's AMX, which multiply bfloat16, exact for float32.

A weight that was saved as bfloat16 is one; a float32 is the sum of three, of eight binary digits
each. So three products of bfloat16, added up in float32 as AMX does, are the product of float32.
Source: Henry, Tang, Heinecke, "Leveraging the bfloat16 datatype for higher-precision computations"
(2019); the layout of a tile is that of TDPBF16PS.
"""

from collections import namedtuple

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic, overload

from planner_node.engine.cpu.lanes_kernel import (
    LANES,
    load,
    multiply_add,
    rounded_lanes,
    spread,
    store,
    store_upper,
    upper,
)

SIDE = LANES  # outputs of a tile of weights, tokens of a tile of inputs
DEPTH = 32  # inputs that a tile of either has
PARTS = 3  # bfloat16 that a float32 is the sum of; one where it is a bfloat16 itself
_TILE_BYTES = 1_024
_TILE_NUMBERS = SIDE * DEPTH
_INPUT_TILES = (6, 7)  # registers; sums are in 0 to 3, weights in 4 and 5
_WEIGHT_TILE = 4

# What a thread needs: tiles of inputs, sums of four tiles, and the shape of all registers.
Scratch = namedtuple("Scratch", ("tiles", "sums", "shape"))  # noqa: PYI024  numba reads its fields

_BYTE, _PLACE, _VOID = ir.IntType(8), ir.IntType(64), ir.VoidType()


# What LDTILECFG reads: eight tiles of sixteen rows of 64 bytes each.
SHAPE = np.zeros(64, np.uint8)
SHAPE[0] = 1
SHAPE[16:32].view(np.uint16)[:] = 64
SHAPE[48:56] = SIDE


def _instruct(builder, name, *args):
    kind = ir.FunctionType(_VOID, [arg.type for arg in args])
    builder.call(cgutils.get_or_insert_function(builder.module, kind, f"llvm.x86.{name}"), args)


def _bytes_of(context, builder, kind, array):
    data = context.make_array(kind)(context, builder, array).data
    return builder.bitcast(data, _BYTE.as_pointer())


@intrinsic
def _configure(_, shape):
    """Give this thread's tile registers their shape."""

    def generate(context, builder, signature, args):
        _instruct(builder, "ldtilecfg", _bytes_of(context, builder, signature.args[0], args[0]))
        return context.get_dummy_value()

    return types.void(shape), generate


@intrinsic
def _release(_):
    """Give the tile registers back."""

    def generate(context, builder, _, __):
        _instruct(builder, "tilerelease")
        return context.get_dummy_value()

    return types.void(), generate


def take_registers(number, shape):
    """Give this thread's registers their shape, if weights of such numbers are tiles."""
    raise NotImplementedError(number, shape)


@overload(take_registers)
def _take_registers(number, shape):
    if number == types.int32:
        return lambda number, shape: _configure(shape)
    return lambda number, shape: None


def give_registers_back(number):
    """Undo ``take_registers``: a thread with tiles in use is slower to put aside."""
    raise NotImplementedError(number)


@overload(give_registers_back)
def _give_registers_back(number):
    return (lambda number: _release()) if number == types.int32 else (lambda number: None)


def shape_in_memory(number, outputs, inputs):
    """Return the shape of a weight of such numbers: of tiles, if they are int32."""
    raise NotImplementedError(number, outputs, inputs)


@overload(shape_in_memory)
def _shape_in_memory(number, outputs, inputs):
    if number == types.int32:
        return lambda number, outputs, inputs: (outputs // SIDE, inputs * SIDE // 2)
    return lambda number, outputs, inputs: (outputs, inputs)


def _meeting(groups, blocks, parts):
    """Return what multiplies tiles of one or two groups of tokens and blocks of outputs."""

    @intrinsic
    def meeting(_, inputs, first_input, weights, first_weight, steps, sums):
        """Write sums [groups, blocks, tokens, outputs] over ``steps``; firsts are in bytes."""

        def generate(context, builder, signature, args):
            arrays = [_bytes_of(context, builder, signature.args[n], args[n]) for n in (0, 2, 5)]
            inputs = builder.gep(arrays[0], [args[1]])
            weights = builder.gep(arrays[1], [args[3]])
            steps = args[4]

            def load(register, start, place):
                cell = builder.gep(start, [builder.mul(place, _PLACE(_TILE_BYTES))])
                _instruct(builder, "tileloadd64", _BYTE(register), cell, _PLACE(64))

            for register in range(groups * blocks):
                _instruct(builder, "tilezero", _BYTE(register))
            with cgutils.for_range(builder, steps) as loop:
                for block in range(blocks):
                    row = builder.mul(steps, _PLACE(block))
                    load(_WEIGHT_TILE + block, weights, builder.add(row, loop.index))
                for group in range(groups):
                    step = builder.add(builder.mul(steps, _PLACE(group)), loop.index)
                    for part in range(parts):
                        register = _INPUT_TILES[(group * parts + part) % 2]
                        place = builder.add(builder.mul(step, _PLACE(parts)), _PLACE(part))
                        load(register, inputs, place)
                        for block in range(blocks):
                            total = _BYTE(group * blocks + block)
                            weight = _BYTE(_WEIGHT_TILE + block)
                            _instruct(builder, "tdpbf16ps", total, _BYTE(register), weight)
            for register in range(groups * blocks):
                cell = builder.gep(arrays[2], [_PLACE(register * _TILE_BYTES)])
                _instruct(builder, "tilestored64", _BYTE(register), cell, _PLACE(64))
            return context.get_dummy_value()

        place = types.int64
        return types.void(inputs, place, weights, place, place, sums), generate

    return meeting


def parts_of(like):
    """Return how many bfloat16 an input is the sum of."""
    raise NotImplementedError(like)


@overload(parts_of)
def _parts_of(like):
    return (lambda like: 1) if like == types.int16 else (lambda like: PARTS)


def meet_tiles(groups, blocks, inputs, first_input, weights, first_weight, steps, sums, like):
    """Multiply tiles of so many groups and blocks; inputs have one part if they are bfloat16."""
    raise NotImplementedError


@overload(meet_tiles)
def _meet_tiles(groups, blocks, inputs, first_input, weights, first_weight, steps, sums, like):
    parts = 1 if like == types.int16 else PARTS
    one_by_one, one_by_two = _meeting(1, 1, parts), _meeting(1, 2, parts)
    two_by_one, two_by_two = _meeting(2, 1, parts), _meeting(2, 2, parts)

    def meet(groups, blocks, inputs, first_input, weights, first_weight, steps, sums, like):
        if groups == 2 and blocks == 2:
            two_by_two(inputs, first_input, weights, first_weight, steps, sums)
        elif groups == 2:
            two_by_one(inputs, first_input, weights, first_weight, steps, sums)
        elif blocks == 2:
            one_by_two(inputs, first_input, weights, first_weight, steps, sums)
        else:
            one_by_one(inputs, first_input, weights, first_weight, steps, sums)

    return meet


def split(x, tokens, size, tiles, like):
    """Write x [tokens, size] as tiles [groups, steps, parts] of bfloat16 [tokens, inputs]."""
    raise NotImplementedError


@overload(split)
def _split(x, tokens, size, tiles, like):
    way = _copy if like == types.int16 else _split_in_three
    return lambda x, tokens, size, tiles, like: way(x, tokens, size, tiles)


@njit(error_model="numpy")
def _copy(x, tokens, size, tiles):
    for token in range(tokens):
        for first in range(0, size, LANES):
            tile = token // SIDE * (size // DEPTH) + first // DEPTH
            at = tile * _TILE_NUMBERS + token % SIDE * DEPTH + first % DEPTH
            store_upper(tiles, at, load(x, token * x.shape[1] + first))


@njit(error_model="numpy")
def _split_in_three(x, tokens, size, tiles):
    minus = spread(np.float32(-1))
    for token in range(tokens):
        for first in range(0, size, LANES):
            tile = (token // SIDE * (size // DEPTH) + first // DEPTH) * PARTS
            at = tile * _TILE_NUMBERS + token % SIDE * DEPTH + first % DEPTH
            number = load(x, token * x.shape[1] + first)
            rest = multiply_add(minus, upper(number), number)
            store_upper(tiles, at, number)
            store_upper(tiles, at + _TILE_NUMBERS, rest)
            last = multiply_add(minus, upper(rest), rest)
            store_upper(tiles, at + 2 * _TILE_NUMBERS, last)


@njit(error_model="numpy")
def _put(product, sums, out, token, tokens, column, blocks, adds, like):
    once = spread(np.float32(1))
    for n in range(tokens):
        for block in range(blocks):
            row = (n // SIDE * blocks + block) * SIDE + n % SIDE
            first = column + block * SIDE
            cell = (token + n) * out.shape[1] + first
            total = load(product.bias, first)
            if adds:
                total = multiply_add(once, load(out, cell), total)
            total = multiply_add(load(product.scale, first), load(sums, row * SIDE), total)
            store(out, cell, rounded_lanes(total, like))


@njit(error_model="numpy")
def split_input(product, scratch, x, tokens, like):
    """Lay out what ``multiply_tiles`` multiplies, for any product of so many inputs."""
    split(x, tokens, product.numbers.shape[1] // 256 * DEPTH, scratch.tiles, like)


@njit(error_model="numpy")
def multiply_tiles(product, scratch, out, tokens, first, last, adds, like):
    """See ``multiply``; ``first`` and ``last`` are at whole tiles, the registers configured.

    The weight is int32 [outputs / 16, inputs x 8]: tiles of pairs of bfloat16 [pairs, outputs].
    """
    weights, sums, tiles = product.numbers, scratch.sums, scratch.tiles
    steps = weights.shape[1] // 256
    row_bytes = steps * parts_of(like) * _TILE_BYTES
    for column in range(first, last, 2 * SIDE):
        blocks = min(2, (last - column) // SIDE)
        weight_at = column // SIDE * steps * _TILE_BYTES
        for token in range(0, tokens, 2 * SIDE):
            left = min(tokens - token, 2 * SIDE)
            groups = 2 if left > SIDE else 1
            tile_at = token // SIDE * row_bytes
            meet_tiles(groups, blocks, tiles, tile_at, weights, weight_at, steps, sums, like)
            _put(product, sums, out, token, left, column, blocks, adds, like)
