"""Weights as a compiled forward reads them: as few bytes as say the same numbers."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from planner_node.engine.plain import half_scale

Numbers = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class Kept:
    """One weight, and what each product with it is multiplied by; ``numbers`` keep it alive."""

    numbers: Numbers
    scale: float


def keep_all(weights: list[Tensor]) -> list[Kept]:
    """Keep float32 weights, all of them alike: as halves (uint16), as bfloat16 (int16), as is.

    Those of a model that was saved in 16 bits are 16-bit numbers still, or such numbers times a
    power of two.
    """
    scales = [half_scale(weight) for weight in weights]
    if None not in scales:
        return [_as_halves(w, s) for w, s in zip(weights, scales, strict=True) if s is not None]
    if all(torch.equal(weight.bfloat16().float(), weight) for weight in weights):
        return [Kept(w.bfloat16().view(torch.int16).numpy(), 1.0) for w in weights]
    return [Kept(weight.contiguous().numpy(), 1.0) for weight in weights]


def _as_halves(weight: Tensor, scale: float) -> Kept:
    halves = (weight * scale).half().contiguous()
    return Kept(halves.view(torch.int16).numpy().view(np.uint16), 1.0 / scale)
