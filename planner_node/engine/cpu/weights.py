"""Weights as a compiled forward reads them: as few bytes as say the same numbers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from planner_node.engine.plain import PlainLinear

_HALF_EXPONENT: Final = 15  # what is scaled for 16 bits stays below 2 to this
_MOST_SCALE_EXPONENT: Final = 64  # so that scaled sums are far from float32's largest number

Numbers = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class Kept:
    """One product: numbers [outputs, inputs] times ``scale``, and what is added [outputs]."""

    numbers: Numbers
    scale: float
    bias: Numbers


def keep_all(products: Sequence[PlainLinear]) -> list[Kept]:
    """Keep float32 weights, all of them in one type: as halves (uint16), bfloat16 (int16), as is.

    Those of a model that was saved in 16 bits are 16-bit numbers still, or such numbers times a
    power of two: the same products, from half the bytes.
    """
    weights = [product.weight for product in products]
    scales = [_half_scale(weight) for weight in weights]
    if None not in scales:
        halves = [_as_halves(w, s) for w, s in zip(weights, scales, strict=True) if s is not None]
        return _with_biases(products, halves)
    if all(torch.equal(weight.bfloat16().float(), weight) for weight in weights):
        bits = [weight.bfloat16().view(torch.int16).numpy() for weight in weights]
        return _with_biases(products, [(each, 1.0) for each in bits])
    return _with_biases(products, [(weight.contiguous().numpy(), 1.0) for weight in weights])


def _half_scale(weight: Tensor) -> float | None:
    """Return the power of two by which a float32 weight has 16-bit numbers only, or None."""
    _, exponent = math.frexp(weight.abs().max().item())
    scale: float = 2.0 ** min(_HALF_EXPONENT - exponent, _MOST_SCALE_EXPONENT)
    scaled = weight * scale
    return scale if torch.equal(scaled.half().float(), scaled) else None


def _as_halves(weight: Tensor, scale: float) -> tuple[Numbers, float]:
    halves = (weight * scale).half().contiguous().view(torch.int16)
    return halves.numpy().view(np.uint16), 1.0 / scale


def _with_biases(
    products: Sequence[PlainLinear], kept: Sequence[tuple[Numbers, float]]
) -> list[Kept]:
    return [
        Kept(numbers, scale, _bias_of(product))
        for product, (numbers, scale) in zip(products, kept, strict=True)
    ]


def _bias_of(product: PlainLinear) -> Numbers:
    if product.bias is None:
        return np.zeros(product.weight.shape[0], np.float32)
    bias: Numbers = product.bias.contiguous().numpy()
    return bias
