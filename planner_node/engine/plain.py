"""Products with weights in floating point, kept in memory as the machine multiplies them fastest.

Few rows are as fast as their weights are read. A float32 weight whose numbers are 16-bit ones but
for a power of two, as those of a model that was saved in 16 bits are, is kept that way for FBGEMM,
which makes them float32 again as it reads them: the same product, from half the bytes.

Any other product on a CPU puts its weight into oneDNN's blocks anew at every call. Kept that way,
eight rows take half the time in bfloat16 and less in float32 too. For a few rows of float32 it
depends on the processor: on an Intel Xeon torch's own product (MKL) is faster up to three rows, on
an AMD EPYC it takes up to three times as long as the blocks. So both are tried when a model is
loaded, over its own weights: what lies in a cache is fast either way.

Each is memory besides the weight as it was loaded, so the sizes are bounded.
"""

import math
import sys
from collections.abc import Callable, Iterable, Sequence
from time import perf_counter_ns
from typing import Final

import torch
from torch import Tensor

FBGEMM: Final = "fbgemm"  # by its name among torch's engines
FBGEMM_ENGINES: Final = frozenset({FBGEMM, "x86"})  # those that hand such products to it
PACKED_TYPES: Final = frozenset({torch.float32, torch.bfloat16})
PACKED_NUMBERS: Final = range(1 << 17, 1 << 22)  # in a weight of a layer
PACKED_HEAD_BYTES: Final = 1 << 28  # of the head, which is one weight only
HALF_EXPONENT: Final = 15  # what is scaled for 16 bits stays below 2 to this
MOST_SCALE_EXPONENT: Final = 64  # so that scaled sums are far from float32's largest number
FEW_ROWS: Final = 3  # up to here a product of float32 may be better off without blocks
_TRIALS: Final = 7
_TRIED_NUMBERS: Final = 1 << 25  # in all weights that are tried: half a second on a slow machine
_CLEARLY: Final = 0.9  # of the other's time: blocks cost memory, so a draw is for none


class PlainLinear:
    """A product with weights in floating point."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        self._turned = weight.t()
        self._bias = bias

    @property
    def weight(self) -> Tensor:
        """Return the weight [outputs, inputs] as it was loaded."""
        return self._turned.t()

    @property
    def has_bias(self) -> bool:
        return self._bias is not None

    def __call__(self, x: Tensor) -> Tensor:
        if self._bias is None:
            return torch.mm(x, self._turned)
        return torch.addmm(self._bias, x, self._turned)

    def add_to(self, total: Tensor, x: Tensor) -> Tensor:
        if self._bias is None:
            return torch.addmm(total, x, self._turned)
        return total + self(x)


class PackedLinear(PlainLinear):
    """A product whose weight is in memory twice: as it was loaded, and in oneDNN's own blocks.

    Fewer than ``fewest_rows`` go without the blocks.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__(weight, bias)
        self.fewest_rows = 1
        self._blocks = blocks_of(weight)

    def __call__(self, x: Tensor) -> Tensor:
        if x.shape[0] < self.fewest_rows:
            return super().__call__(x)
        return over_blocks(x, self._blocks, self._bias)

    def add_to(self, total: Tensor, x: Tensor) -> Tensor:
        if x.shape[0] < self.fewest_rows:
            return super().add_to(total, x)
        added: Tensor = torch.ops.mkldnn._linear_pointwise.binary(  # noqa: SLF001  its name
            x, total, self._blocks, self._bias, "add"
        )
        return added

    def unpack(self) -> None:
        """Go without blocks from now on, and give their memory back."""
        self.fewest_rows = sys.maxsize
        self._blocks = self._turned


class HalvedLinear(PlainLinear):
    """A float32 product whose weight lies in memory in 16 bits as well, with no number changed.

    It lies there times a power of two, by which the product is divided again.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None, scale: float) -> None:
        super().__init__(weight, bias)
        scaled_bias = None if bias is None else bias * scale
        self._halves = torch.ops.quantized.linear_prepack_fp16(weight * scale, scaled_bias)
        self._unscale = 1.0 / scale

    def __call__(self, x: Tensor) -> Tensor:
        return self._scaled(x).mul_(self._unscale)

    def add_to(self, total: Tensor, x: Tensor) -> Tensor:
        return torch.add(total, self._scaled(x), alpha=self._unscale)

    def _scaled(self, x: Tensor) -> Tensor:
        product: Tensor = torch.ops.quantized.linear_dynamic_fp16(x, self._halves)
        return product


def blocks_of(weight: Tensor) -> Tensor:
    """Return the weight as oneDNN keeps it."""
    blocks: Tensor = torch.ops.mkldnn._reorder_linear_weight(weight)  # noqa: SLF001  its name
    return blocks


def over_blocks(x: Tensor, blocks: Tensor, bias: Tensor | None) -> Tensor:
    """Return x · weightᵀ + bias for the blocks of a weight."""
    product: Tensor = torch.ops.mkldnn._linear_pointwise(x, blocks, bias, "none", [], "")  # noqa: SLF001
    return product


def plain_linear(weight: Tensor, bias: Tensor | None) -> PlainLinear:
    """Return a product with a layer's weight in floating point; ``settle_blocks`` has to follow."""
    return _kept(weight, bias) if weight.numel() in PACKED_NUMBERS else PlainLinear(weight, bias)


def head_linear(weight: Tensor) -> PlainLinear:
    """Return the product with the head's weight in floating point."""
    return _kept(weight, None) if weight.nbytes <= PACKED_HEAD_BYTES else PlainLinear(weight, None)


def _kept(weight: Tensor, bias: Tensor | None) -> PlainLinear:
    """Return the product over what is kept besides the weight, where anything can be."""
    scale = half_scale(weight)
    if scale is not None:
        return HalvedLinear(weight, bias, scale)
    return (PackedLinear if can_pack(weight) else PlainLinear)(weight, bias)


def half_scale(weight: Tensor) -> float | None:
    """Return the power of two by which a float32 weight has 16-bit numbers only.

    None where there is none, or no FBGEMM.
    """
    if weight.device.type != "cpu" or weight.dtype is not torch.float32:
        return None
    quantized = torch.backends.quantized
    if FBGEMM not in quantized.supported_engines or quantized.engine not in FBGEMM_ENGINES:
        return None
    _, exponent = math.frexp(weight.abs().max().item())
    scale: float = 2.0 ** min(HALF_EXPONENT - exponent, MOST_SCALE_EXPONENT)
    scaled = weight * scale
    return scale if torch.equal(scaled.half().float(), scaled) else None


def can_pack(weight: Tensor) -> bool:
    """Tell whether oneDNN is there for such a weight, and takes its type without a detour."""
    if weight.device.type != "cpu" or weight.dtype not in PACKED_TYPES:
        return False
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return False
    return weight.dtype is torch.float32 or torch.ops.mkldnn._is_mkldnn_bf16_supported()  # noqa: SLF001


def settle_blocks(products: Iterable[object], sums: Iterable[object]) -> None:
    """Find out how few rows are better off without blocks; ``sums`` are only ever added.

    Where few rows do not ask for blocks, sums have none: without them they are one call as well,
    and many rows gain little.
    """
    own, added = _packed_float32(products), _packed_float32(sums)
    if not (own or added) or _are_blocks_faster([*own, *added]):
        return
    for product in own:
        product.fewest_rows = FEW_ROWS + 1
    for product in added:
        product.unpack()


def _packed_float32(products: Iterable[object]) -> list[PackedLinear]:
    packed = [product for product in products if isinstance(product, PackedLinear)]
    return [product for product in packed if product.weight.dtype is torch.float32]


@torch.inference_mode()
def _are_blocks_faster(products: Sequence[PackedLinear]) -> bool:
    """Try the weights one after the other, as a step does, with two rows."""
    tried: list[tuple[PackedLinear, Tensor]] = []
    left = _TRIED_NUMBERS
    for product in products:
        outputs, inputs = product.weight.shape
        left -= outputs * inputs
        if left >= 0 or not tried:
            tried.append((product, torch.ones(2, inputs)))
    plain_ns, packed_ns = _fastest_ns(
        lambda: [PlainLinear.__call__(product, x) for product, x in tried],
        lambda: [product(x) for product, x in tried],
    )
    return packed_ns < _CLEARLY * plain_ns


def _fastest_ns(*calls: Callable[[], object]) -> list[int]:
    """Return the shortest time of each call; they take turns, so a busy machine hits them alike."""
    spent_ns: list[list[int]] = [[] for _ in calls]
    for _ in range(_TRIALS):
        for call, spent in zip(calls, spent_ns, strict=True):
            begun_ns = perf_counter_ns()
            call()
            spent.append(perf_counter_ns() - begun_ns)
    return [min(spent) for spent in spent_ns]
