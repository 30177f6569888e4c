"""Products are as exact as float32 can be, whatever their weights lie in memory as."""

from typing import Any

import numpy as np
import pytest
import torch
from numba import njit

from planner_node.engine.cpu.compiling import has_tiles
from planner_node.engine.cpu.products_kernel import Product, exponential, lay_out, multiply
from planner_node.engine.cpu.tiles_kernel import (
    DEPTH,
    PARTS,
    SHAPE,
    SIDE,
    Scratch,
    give_registers_back,
    take_registers,
)
from planner_node.engine.cpu.weights import Kept, keep_all
from planner_node.engine.plain import PlainLinear

Numbers = np.ndarray[Any, Any]
OUTPUTS, INPUTS = 7 * SIDE, 3 * DEPTH
LIKE = np.float32(0)  # results are not rounded
NEAR = 1e-6  # of the largest result; bfloat16 alone would be 4e-3 off
IN_TILES = pytest.param(
    torch.bfloat16, True, marks=pytest.mark.skipif(not has_tiles(), reason="no AMX"), id="tiles"
)


@njit
def multiplied(
    product: Product, scratch: Scratch, x: Numbers, out: Numbers, tokens: int, columns: Numbers
) -> None:
    """Multiply twice, the second time on top, so that adding is tried too."""
    take_registers(product.numbers[0, 0], scratch.shape)
    lay_out(product, scratch, x, tokens, LIKE)
    multiply(product, scratch, x, out, tokens, columns[0], columns[1], False, LIKE)  # noqa: FBT003
    multiply(product, scratch, x, out, tokens, columns[0], columns[1], True, LIKE)  # noqa: FBT003
    give_registers_back(product.numbers[0, 0])


def results(one: Kept, x: Numbers, tokens: int, columns: tuple[int, int]) -> Numbers:
    scratch = Scratch(
        np.zeros(PARTS * 4 * SIDE * INPUTS, np.int16), np.zeros((4 * SIDE, SIDE), np.float32), SHAPE
    )
    out = np.zeros((4 * SIDE, OUTPUTS), np.float32)
    product = Product(one.numbers, one.scale, one.bias)
    multiplied(product, scratch, x, out, tokens, np.array(columns))
    return out


@pytest.mark.parametrize("tokens", [1, 2, 3, 5, 16, 17, 40, 64])
@pytest.mark.parametrize(
    ("dtype", "in_tiles"),
    [(torch.float32, False), (torch.float16, False), (torch.bfloat16, False), IN_TILES],
)
def test_a_product_is_exact_and_stays_in_its_columns(
    tokens: int,
    dtype: torch.dtype,
    in_tiles: bool,  # noqa: FBT001  a parameter
) -> None:
    chance = torch.Generator().manual_seed(tokens)
    weight = torch.randn(OUTPUTS, INPUTS, generator=chance).to(dtype).float()
    bias = torch.randn(OUTPUTS, generator=chance)
    x = torch.randn(4 * SIDE, INPUTS, generator=chance)
    (one,) = keep_all([PlainLinear(weight, bias)], in_tiles=in_tiles)
    expected = 2 * (x.double() @ weight.double().T + bias.double()).numpy()[:tokens]
    for columns in ((0, OUTPUTS), (SIDE, 4 * SIDE), (2 * SIDE, 3 * SIDE)):
        found = results(one, x.numpy(), tokens, columns)
        mine = slice(*columns)
        off = np.abs(found[:tokens, mine] - expected[:, mine]).max()
        assert off < NEAR * np.abs(expected).max()
        found[:, mine] = 0.0
        assert not found.any()


def test_the_exponential_is_that_of_the_library() -> None:
    values = np.concatenate([np.linspace(-87, 87, 4_001), [-0.0, -1e-30, 1e-30, -1_000.0]])
    found = np.array([exponential(np.float32(value)) for value in values])
    exact = np.exp(values.astype(np.float32).astype(np.float64))
    assert (np.abs(found - exact) <= 3e-7 * exact + 2e-38).all()
