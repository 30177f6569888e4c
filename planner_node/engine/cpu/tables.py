"""What a compiled forward is given: the model, buffers that are made once, and one step.

They are named tuples, which the compiled functions read by name.
"""

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from planner_node.engine.cpu.attention_kernel import KEYS
from planner_node.engine.cpu.crew import MOST_PARTS
from planner_node.engine.cpu.intrinsics_kernel import LINE_BYTES
from planner_node.engine.cpu.lanes_kernel import LANES
from planner_node.engine.cpu.products_kernel import TOKENS
from planner_node.engine.cpu.tiles_kernel import DEPTH, PARTS, SHAPE, SIDE
from planner_node.engine.cpu.weights import Kept, Numbers
from planner_node.engine.llama import LlamaForward


class Shape(NamedTuple):
    """Sizes of a model; ``active`` is the width inside the feed-forward."""

    layers: int
    hidden: int
    active: int
    heads: int
    key_heads: int
    vocabulary: int


class Model(NamedTuple):
    """What stays the same: ``head`` is as long as a head is wide, which the compiler then knows.

    ``weights``, ``scales`` and ``biases`` are addresses: of qkv, out, gate with up, and down of
    each layer, at last of the model's head; ``number`` is one of the weights' numbers.
    ``kv`` [layers, cells, 2 x key heads, size].
    """

    shape: Shape
    head: tuple[int, ...]
    number: Any
    embedding: Numbers
    weights: Numbers
    scales: Numbers
    biases: Numbers
    norms: Numbers
    epsilon: np.float32
    cosine: Numbers
    sine: Numbers
    kv: Numbers


class Buffers(NamedTuple):
    """What is overwritten at each step; those after ``active`` have a table for each part."""

    x: Numbers
    qkv: Numbers
    mixed: Numbers
    tiles: Numbers
    sums: Numbers
    registers: Numbers
    ups: Numbers
    active: Numbers
    mine: Numbers
    queries: Numbers
    weights: Numbers
    found: Numbers
    top: Numbers
    total: Numbers
    tops: Numbers
    totals: Numbers


class Step(NamedTuple):
    """One step's tokens: ids, positions and cells [tokens], and where they are in these.

    ``runs`` [rows, 5] are of ``apart``, ``groups`` [prefixes, 4] of ``together``, see ``attend``
    and ``attend_shared``.
    """

    token_ids: Numbers
    positions: Numbers
    cells: Numbers
    apart: Numbers
    runs: Numbers
    together: Numbers
    groups: Numbers
    outputs: Numbers
    scores: Numbers


def _as_numbers(tensor: Tensor) -> Numbers:
    """Return a tensor as it lies in memory, bfloat16 as int16."""
    is_bfloat16 = tensor.dtype is torch.bfloat16
    numbers: Numbers = (tensor.view(torch.int16) if is_bfloat16 else tensor).numpy()
    return numbers


def numbers_of(values: Iterable[int]) -> Numbers:
    """Return whole numbers as int64."""
    return np.fromiter(values, np.int64)


def model_of(plain: LlamaForward, kept: list[Kept]) -> Model:
    """Return what is read of a model; ``kept`` and ``plain`` must live as long."""
    heads, norms = plain.heads, plain.norms()
    layers = len(plain.kv)
    hidden, active = plain.embedding.shape[1], len(kept[2].bias) // 2
    cosine, sine = plain.rope
    return Model(
        shape=Shape(layers, hidden, active, heads.queries, heads.keys, plain.vocabulary_tokens),
        head=(0,) * heads.size,
        number=kept[0].numbers.dtype.type(0),
        embedding=_as_numbers(plain.embedding),
        weights=numbers_of(one.numbers.ctypes.data for one in kept),
        scales=numbers_of(one.scale.ctypes.data for one in kept),
        biases=numbers_of(one.bias.ctypes.data for one in kept),
        norms=torch.stack([norm.weight for norm in norms]).float().numpy(),
        epsilon=np.float32(norms[0].epsilon),
        cosine=cosine[:, 0].float().contiguous().numpy(),
        sine=sine[:, 0].float().contiguous().numpy(),
        kv=_as_numbers(plain.kv.view(layers, -1, 2 * heads.keys, heads.size)),
    )


def buffers_of(model: Model, most_tokens: int, context_tokens: int) -> Buffers:
    """Return tables for steps of so many tokens, over rows of such a context."""
    shape, size = model.shape, len(model.head)
    tokens = padded(most_tokens, TOKENS)
    width = max(shape.hidden, shape.heads * size)
    widest = padded(max(width, shape.active), DEPTH)
    return Buffers(
        x=rows(tokens, shape.hidden),
        qkv=rows(tokens, (shape.heads + 2 * shape.key_heads) * size),
        mixed=rows(tokens, shape.heads * size),
        tiles=table(MOST_PARTS, PARTS * padded(most_tokens, SIDE) * widest, of=np.int16),
        sums=table(MOST_PARTS, 4 * SIDE, SIDE),
        registers=SHAPE,
        ups=rows(tokens, shape.active),
        active=rows(tokens, shape.active),
        mine=rows(MOST_PARTS, tokens, width),
        queries=table(MOST_PARTS, size * LANES),
        weights=table(MOST_PARTS, padded(context_tokens, KEYS) * LANES),
        found=table(MOST_PARTS, size * LANES),
        top=table(MOST_PARTS, LANES),
        total=table(MOST_PARTS, LANES),
        tops=table(tokens, shape.heads),
        totals=table(tokens, shape.heads),
    )


def padded(count: int, step: int) -> int:
    """Return the next multiple of ``step``."""
    return -(-count // step) * step


def rows(*shape: int) -> Numbers:
    """Return a table whose rows are at least so wide, by an odd number of lines.

    Of an even one, as 4,096 bytes are, one column's numbers would meet in a few sets of the caches.
    """
    *tokens, width = shape
    lines = -(-width * 4 // LINE_BYTES)
    return table(*tokens, (lines | 1) * LINE_BYTES // 4)


def table(*shape: int, of: type[np.generic] = np.float32) -> Numbers:
    """Return zeros that begin at a line of the caches, and every whole line of them does.

    Numbers that lie across two lines are read in twice the time, tiles in five times.
    """
    count, size_bytes = math.prod(shape), np.dtype(of).itemsize
    room = np.zeros(count * size_bytes + LINE_BYTES, np.uint8)
    begin = -room.ctypes.data % LINE_BYTES
    return room[begin : begin + count * size_bytes].view(of).reshape(shape)
