"""Products with weights in floating point, kept in memory as the machine multiplies them fastest.

Any product on a CPU puts its weight into oneDNN's blocks anew at every call. Kept that way, eight
rows take half the time in bfloat16 and less in float32 too. That is memory besides the weight as
it was loaded, so the sizes are bounded. Compiled steps need none of it: see ``cpu``.
"""

from functools import cached_property
from typing import Final

import torch
from torch import Tensor

PACKED_TYPES: Final = frozenset({torch.float32, torch.bfloat16})
PACKED_NUMBERS: Final = range(1 << 17, 1 << 22)  # in a weight of a layer
PACKED_HEAD_BYTES: Final = 1 << 28  # of the head, which is one weight only


class PlainLinear:
    """A product with weights in floating point."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        self._turned = weight.t()
        self.bias = bias

    @property
    def weight(self) -> Tensor:
        """Return the weight [outputs, inputs] as it was loaded."""
        return self._turned.t()

    def __call__(self, x: Tensor) -> Tensor:
        if self.bias is None:
            return torch.mm(x, self._turned)
        return torch.addmm(self.bias, x, self._turned)

    def add_to(self, total: Tensor, x: Tensor) -> Tensor:
        if self.bias is None:
            return torch.addmm(total, x, self._turned)
        return total + self(x)


class PackedLinear(PlainLinear):
    """A product whose weight is in memory twice: as it was loaded, and in oneDNN's own blocks.

    The second from the first product on: where compiled steps make them all, there is none.
    """

    @cached_property
    def _blocks(self) -> Tensor:
        return blocks_of(self.weight)

    def __call__(self, x: Tensor) -> Tensor:
        return over_blocks(x, self._blocks, self.bias)

    def add_to(self, total: Tensor, x: Tensor) -> Tensor:
        added: Tensor = torch.ops.mkldnn._linear_pointwise.binary(  # noqa: SLF001  its name
            x, total, self._blocks, self.bias, "add"
        )
        return added


def blocks_of(weight: Tensor) -> Tensor:
    """Return the weight as oneDNN keeps it."""
    blocks: Tensor = torch.ops.mkldnn._reorder_linear_weight(weight)  # noqa: SLF001  its name
    return blocks


def over_blocks(x: Tensor, blocks: Tensor, bias: Tensor | None) -> Tensor:
    """Return x · weightᵀ + bias for the blocks of a weight."""
    product: Tensor = torch.ops.mkldnn._linear_pointwise(x, blocks, bias, "none", [], "")  # noqa: SLF001
    return product


def plain_linear(weight: Tensor, bias: Tensor | None) -> PlainLinear:
    """Return a product with a layer's weight in floating point."""
    return _kept(weight, bias) if weight.numel() in PACKED_NUMBERS else PlainLinear(weight, bias)


def head_linear(weight: Tensor) -> PlainLinear:
    """Return the product with the head's weight in floating point."""
    return _kept(weight, None) if weight.nbytes <= PACKED_HEAD_BYTES else PlainLinear(weight, None)


def _kept(weight: Tensor, bias: Tensor | None) -> PlainLinear:
    return (PackedLinear if can_pack(weight) else PlainLinear)(weight, bias)


def can_pack(weight: Tensor) -> bool:
    """Tell whether oneDNN is there for such a weight, and takes its type without a detour."""
    if weight.device.type != "cpu" or weight.dtype not in PACKED_TYPES:
        return False
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return False
    return weight.dtype is torch.float32 or torch.ops.mkldnn._is_mkldnn_bf16_supported()  # noqa: SLF001
