"""The products of a layer over weights as they were loaded: plain, int8 or 4-bit.

Projections of the same input are one product where their weights can lie one below the other. The
model's own modules then become views of the fused weights, so memory is equal.
"""

from collections.abc import Callable
from functools import cached_property
from typing import Any, Final, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from planner_node.engine.plain import (
    PACKED_HEAD_BYTES,
    blocks_of,
    can_pack,
    over_blocks,
    plain_linear,
)

PLAIN: Final = "Linear"
INT8: Final = "Linear8bitLt"  # bitsandbytes' names; importing it is slow and rarely needed
NF4: Final = "Linear4bit"
KNOWN: Final = frozenset({PLAIN, INT8, NF4})

# torch's int8 kernel reads half the bytes but multiplies slower. On two cores, for 3,072 x 512:
# twice as fast as the bfloat16 product for 1 row, equal for 4. Making the weights bfloat16 first
# is what more rows are better off with, from about 14 on; in pieces that stay in the processor's
# cache, since a large weight at once takes twice as long.
INT8_KERNEL_ROWS: Final = 14
INT8_PIECE_NUMBERS: Final = 1 << 21
INT8_HEAD_KERNEL_ROWS: Final = 5  # of a head that lies in bfloat16 blocks as well

# (x, weight, scale, bias) → the product, on the device of the weight
Int8Product = Callable[[Tensor, Tensor, Tensor, Tensor | None], Tensor]


class Linear(Protocol):
    """A product with a loaded weight."""

    def __call__(self, x: Tensor) -> Tensor:
        """Return [rows, outputs] for ``x`` [rows, inputs]."""
        ...

    def add_to(self, total: Tensor, x: Tensor) -> Tensor:
        """Return ``total`` + the product of ``x``."""
        ...


def int8_product(x: Tensor, weight: Tensor, scale: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return x · (weight · scale)ᵀ + bias on a CPU; see ``Int8Linear`` for the shapes."""
    scale = scale.to(x.dtype)
    if x.shape[0] < INT8_KERNEL_ROWS:
        y = torch._weight_int8pack_mm(x, weight, scale)  # noqa: SLF001  torch's name for it
    else:
        rows = max(1, INT8_PIECE_NUMBERS // weight.shape[1])
        parts = [functional.linear(x, piece.to(x.dtype)) for piece in torch.split(weight, rows)]
        y = (parts[0] if len(parts) == 1 else torch.cat(parts, -1)).mul_(scale)
    return y if bias is None else y + bias


class Int8Linear:
    """A product with bitsandbytes' int8 weights, read as they are; ``x`` is not quantized.

    ``weight`` int8 [outputs, inputs], ``scale`` float32 [outputs]. The library's own product also
    quantizes ``x`` and looks for outliers: slower, and further from the unquantized result.
    """

    def __init__(
        self,
        weight: Tensor,
        scale: Tensor,
        bias: Tensor | None,
        product: Int8Product = int8_product,
    ) -> None:
        self.weight = weight
        self.scale = scale
        self.bias = bias
        self._product = product

    def __call__(self, x: Tensor) -> Tensor:
        return self._product(x, self.weight, self.scale, self.bias)

    def add_to(self, total: Tensor, x: Tensor) -> Tensor:
        return total + self(x)


class Int8Head(Int8Linear):
    """The head, with its whole numbers in blocks as well: in bfloat16, which holds them exactly.

    The int8 kernel takes row by row, and unpacking a head at every step is dearer still.
    """

    @cached_property
    def _blocks(self) -> Tensor:
        return blocks_of(self.weight.bfloat16())

    def __call__(self, x: Tensor) -> Tensor:
        if x.shape[0] < INT8_HEAD_KERNEL_ROWS:
            return super().__call__(x)
        return over_blocks(x, self._blocks, None).mul_(self.scale.to(x.dtype))


class Nf4Linear:
    """bitsandbytes' own products with 4-bit weights, one after the other."""

    def __init__(self, modules: tuple[nn.Module, ...]) -> None:
        self._modules = modules

    def __call__(self, x: Tensor) -> Tensor:
        parts = [module(x) for module in self._modules]
        return parts[0] if len(parts) == 1 else torch.cat(parts, -1)

    def add_to(self, total: Tensor, x: Tensor) -> Tensor:
        return total + self(x)


def linear_of(
    *modules: Any,  # noqa: ANN401  untyped
    int8: Int8Product = int8_product,
) -> Linear:
    """Return one product for several projections of the same input, of one ``KNOWN`` type."""
    kind = type(modules[0]).__name__
    if kind == NF4:
        return Nf4Linear(modules)
    with torch.no_grad():
        weight = torch.cat([module.weight.data for module in modules])
        biases = [module.bias.detach() for module in modules if module.bias is not None]
        bias = torch.cat(biases) if biases else None
        if kind == INT8:
            scale = torch.cat([_largest(module) for module in modules]).float() / 127
            _take_views(modules, weight)
            return Int8Linear(weight, scale, bias, int8)
        _take_views(modules, weight)
    return plain_linear(weight, bias)


def _largest(module: Any) -> Tensor:  # noqa: ANN401  bitsandbytes is untyped
    """Return what each row was divided by; the library moves it at the first call."""
    found: Tensor | None = module.weight.SCB
    return module.state.SCB if found is None else found


def _take_views(modules: Any, weight: Tensor) -> None:  # noqa: ANN401  bitsandbytes is untyped
    """Let the modules read their part of the fused weight, wherever they keep it."""
    parts = torch.split(weight, [module.out_features for module in modules])
    for module, part in zip(modules, parts, strict=True):
        module.weight.data = part
        holders: list[Any] = [module.weight, getattr(module, "state", None)]
        for holder in holders:
            if getattr(holder, "CB", None) is not None:
                holder.CB = part


def quantized_head(weight: Tensor) -> Int8Linear:
    """Quantize a head [vocabulary, inputs] to int8 by the largest value of each row.

    In blocks as well, where these are of the head's own type and not too much memory.
    """
    scale = weight.abs().amax(1, keepdim=True).float().clamp_(min=1e-12) / 127
    whole = torch.round(weight.float() / scale).to(torch.int8)
    is_packed = weight.dtype is torch.bfloat16 and can_pack(weight)
    if is_packed and weight.nbytes <= PACKED_HEAD_BYTES:
        return Int8Head(whole, scale.squeeze(1), None)
    return Int8Linear(whole, scale.squeeze(1), None)
