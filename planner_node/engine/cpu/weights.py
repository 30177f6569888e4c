"""Weights as a compiled forward reads them: as few bytes as say the same numbers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
import torch
from torch import Tensor

from planner_node.engine.cpu.tiles_kernel import DEPTH, SIDE
from planner_node.engine.linears import Int8Linear
from planner_node.engine.plain import PlainLinear

_HALF_EXPONENT: Final = 15  # what is scaled for 16 bits stays below 2 to this
_MOST_SCALE_EXPONENT: Final = 64  # so that scaled sums are far from float32's largest number

Numbers = np.ndarray[Any, Any]
Keepable: TypeAlias = PlainLinear | Int8Linear


@dataclass(frozen=True, slots=True)
class Kept:
    """One product: numbers [outputs, inputs], by what each output is multiplied, what is added."""

    numbers: Numbers
    scale: Numbers
    bias: Numbers


def keep_all(products: Sequence[Keepable], *, in_tiles: bool = False) -> list[Kept]:
    """Keep a model's weights, all in one type: as halves (uint16), bfloat16 (int16), as is.

    Those of a model that was saved in 16 bits are 16-bit numbers still, or such numbers times a
    power of two: the same products, from half the bytes. ``in_tiles``: those that are bfloat16 lie
    as the tile registers take them (int32), if their sizes fit these; and int8 ones, since
    bfloat16 has their whole numbers too: twice the bytes, read faster than made wider each time.
    """
    kept = _smallest([product.weight for product in products], in_tiles=in_tiles)
    return [
        Kept(numbers, scale * _scale_of(product), _bias_of(product))
        for product, (numbers, scale) in zip(products, kept, strict=True)
    ]


def _smallest(weights: list[Tensor], *, in_tiles: bool) -> list[tuple[Numbers, float]]:
    """Return the numbers of all weights, and by what products with them are multiplied."""
    if in_tiles and all(fits_tiles(weight) for weight in weights):
        return [(_as_tiles(weight), 1.0) for weight in weights]
    scales = [_half_scale(weight) for weight in weights]
    if None not in scales:
        return [_as_halves(w, s) for w, s in zip(weights, scales, strict=True) if s is not None]
    if all(torch.equal(weight.bfloat16().float(), weight) for weight in weights):
        return [(weight.bfloat16().view(torch.int16).numpy(), 1.0) for weight in weights]
    return [(weight.contiguous().numpy(), 1.0) for weight in weights]


def fits_tiles(weight: Tensor) -> bool:
    """Whether a weight is one of bfloat16, of whole tiles."""
    outputs, inputs = weight.shape
    if outputs % SIDE or inputs % DEPTH:
        return False
    if weight.dtype in {torch.bfloat16, torch.int8}:
        return True
    return torch.equal(weight.bfloat16().float(), weight)


def _as_tiles(weight: Tensor) -> Numbers:
    """Return int32 [outputs / 16, inputs x 8]: tiles of pairs of inputs [pairs, outputs]."""
    outputs, inputs = weight.shape
    bits = weight.bfloat16().view(torch.int16)
    tiles = bits.view(outputs // SIDE, SIDE, inputs // DEPTH, DEPTH // 2, 2)
    numbers: Numbers = tiles.permute(0, 2, 3, 1, 4).contiguous().numpy()
    return numbers.view(np.int32).reshape(outputs // SIDE, -1)


def _half_scale(weight: Tensor) -> float | None:
    """Return the power of two by which a float32 weight has 16-bit numbers only, or None."""
    _, exponent = math.frexp(weight.abs().max().item())
    scale: float = 2.0 ** min(_HALF_EXPONENT - exponent, _MOST_SCALE_EXPONENT)
    scaled = weight * scale
    return scale if torch.equal(scaled.half().float(), scaled) else None


def _as_halves(weight: Tensor, scale: float) -> tuple[Numbers, float]:
    halves = (weight * scale).half().contiguous().view(torch.int16)
    return halves.numpy().view(np.uint16), 1.0 / scale


def _scale_of(product: Keepable) -> Numbers:
    if isinstance(product, Int8Linear):
        scale: Numbers = product.scale.bfloat16().float().numpy()  # as it is multiplied there
        return scale
    return np.ones(product.weight.shape[0], np.float32)


def _bias_of(product: Keepable) -> Numbers:
    if product.bias is None:
        return np.zeros(product.weight.shape[0], np.float32)
    bias: Numbers = product.bias.float().contiguous().numpy()
    return bias
