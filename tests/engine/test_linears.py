"""Products over weights as they were loaded: int8 next to what it stands for."""

import pytest
import torch
from torch import nn

from planner_node.engine.linears import (
    INT8_KERNEL_ROWS,
    Int8Linear,
    PackedLinear,
    PlainLinear,
    linear_of,
    plain_linear,
    quantized,
)


def weights(outputs: int = 48, inputs: int = 64) -> torch.Tensor:
    return torch.randn(outputs, inputs, generator=torch.Generator().manual_seed(0))


def inputs_of(rows: int) -> torch.Tensor:
    return torch.randn(rows, 64, generator=torch.Generator().manual_seed(rows))


@pytest.mark.parametrize("rows", [1, INT8_KERNEL_ROWS - 1, INT8_KERNEL_ROWS, 40])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_int8_product_is_that_of_the_weights_it_stands_for(rows: int, dtype: torch.dtype) -> None:
    weight = torch.randint(-127, 128, (48, 64), dtype=torch.int8)
    scale, bias = torch.rand(48) / 127, torch.randn(48)
    expected = inputs_of(rows) @ (weight.float() * scale[:, None]).T + bias
    found = Int8Linear(weight, scale, bias.to(dtype))(inputs_of(rows).to(dtype))
    assert found.dtype is dtype
    near = 1e-4 if dtype is torch.float32 else 0.12
    torch.testing.assert_close(found.float(), expected, rtol=0.02, atol=near)


@pytest.mark.parametrize("rows", [1, 40])
def test_quantized_weight_is_within_half_a_step(rows: int) -> None:
    weight = weights()
    error = quantized(weight)(inputs_of(rows)) - inputs_of(rows) @ weight.T
    half_a_step = weight.abs().amax(1) / 127 / 2
    assert (error.abs() <= half_a_step * inputs_of(rows).abs().sum(1, keepdim=True)).all()
    assert error.abs().max() > 0


def test_row_of_zeros_stays_zero() -> None:
    assert quantized(torch.zeros(4, 64))(inputs_of(1)).abs().max() == 0


@pytest.mark.parametrize("has_bias", [False, True])
def test_fused_product_is_the_products_side_by_side(has_bias: bool) -> None:  # noqa: FBT001  a parameter
    modules = [nn.Linear(64, outputs, bias=has_bias) for outputs in (8, 4, 4)]
    expected = torch.cat([module(inputs_of(3)) for module in modules], -1)
    fused = linear_of(*modules)
    torch.testing.assert_close(fused(inputs_of(3)), expected)
    total = torch.randn(3, 16)
    torch.testing.assert_close(fused.add_to(total, inputs_of(3)), total + expected)
    torch.testing.assert_close(modules[0](inputs_of(3)), expected[:, :8])


def test_modules_of_a_fused_product_hold_no_weights_of_their_own() -> None:
    modules = [nn.Linear(64, 8, bias=False) for _ in range(2)]
    fused = linear_of(*modules)
    assert isinstance(fused, PlainLinear)
    first, second = (module.weight.data_ptr() for module in modules)
    assert second - first == modules[0].weight.nbytes


@pytest.mark.parametrize("outputs", [2_048, 8_192])
@pytest.mark.parametrize("rows", [1, 2, 40])
def test_packed_product_is_the_plain_one(outputs: int, rows: int) -> None:
    weight, bias = weights(outputs), torch.randn(outputs)
    product = plain_linear(weight, bias)
    assert isinstance(product, PackedLinear)
    expected = inputs_of(rows) @ weight.T + bias
    with torch.inference_mode():
        torch.testing.assert_close(product(inputs_of(rows)), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("weight", [weights(), weights(2_048).bfloat16()])
def test_small_and_half_weights_are_in_memory_once(weight: torch.Tensor) -> None:
    assert type(plain_linear(weight, None)) is PlainLinear
