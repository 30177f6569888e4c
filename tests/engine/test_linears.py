"""Products over weights as they were loaded: int8 next to what it stands for."""

import pytest
import torch
from torch import nn

from planner_node.engine import linears, plain
from planner_node.engine.linears import (
    INT8_KERNEL_ROWS,
    Int8Head,
    Int8Linear,
    linear_of,
    quantized_head,
)
from planner_node.engine.plain import PackedLinear, PlainLinear, head_linear, plain_linear


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
    error = quantized_head(weight)(inputs_of(rows)) - inputs_of(rows) @ weight.T
    half_a_step = weight.abs().amax(1) / 127 / 2
    assert (error.abs() <= half_a_step * inputs_of(rows).abs().sum(1, keepdim=True)).all()
    assert error.abs().max() > 0


def test_row_of_zeros_stays_zero() -> None:
    assert quantized_head(torch.zeros(4, 64))(inputs_of(1)).abs().max() == 0


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
@pytest.mark.parametrize("rows", [1, 3, 4, 40])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("has_bias", [False, True])
def test_packed_product_is_the_plain_one(
    outputs: int,
    rows: int,
    dtype: torch.dtype,
    has_bias: bool,  # noqa: FBT001  a parameter
) -> None:
    rtol, atol = (1e-4, 1e-4) if dtype is torch.float32 else (0.01, 0.1)
    weight = weights(outputs).to(dtype)
    bias = torch.randn(outputs, dtype=dtype) if has_bias else None
    product = plain_linear(weight, bias)
    assert isinstance(product, PackedLinear)
    x, total = inputs_of(rows).to(dtype), torch.randn(rows, outputs, dtype=dtype)
    before = total.clone()
    expected = x.float() @ weight.float().T + (0.0 if bias is None else bias.float())
    with torch.inference_mode():
        found, added = product(x), product.add_to(total, x)
    assert found.dtype is added.dtype is dtype
    torch.testing.assert_close(found.float(), expected, rtol=rtol, atol=atol)
    torch.testing.assert_close(added.float(), before.float() + expected, rtol=rtol, atol=atol)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_small_weights_are_in_memory_once(dtype: torch.dtype) -> None:
    assert type(plain_linear(weights().to(dtype), None)) is PlainLinear


def test_weight_of_a_type_without_blocks_is_in_memory_once() -> None:
    assert type(plain_linear(weights(4_096).half(), None)) is PlainLinear


def test_head_may_be_larger_than_a_layers_weight() -> None:
    weight = weights(1 << 16)
    assert type(plain_linear(weight, None)) is PlainLinear
    assert isinstance(head_linear(weight), PackedLinear)
    torch.testing.assert_close(head_linear(weight)(inputs_of(2)), inputs_of(2) @ weight.T)


def test_head_of_a_large_model_is_in_memory_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain, "PACKED_HEAD_BYTES", weights(4_096).nbytes - 1)
    assert type(head_linear(weights(4_096))) is PlainLinear


@pytest.mark.parametrize("piece_numbers", [1, 64 * 5, 64 * 48])
def test_int8_product_in_pieces_is_that_of_the_whole(
    monkeypatch: pytest.MonkeyPatch, piece_numbers: int
) -> None:
    weight, scale = torch.randint(-127, 128, (48, 64), dtype=torch.int8), torch.rand(48) / 127
    expected = inputs_of(INT8_KERNEL_ROWS) @ (weight.float() * scale[:, None]).T
    monkeypatch.setattr(linears, "INT8_PIECE_NUMBERS", piece_numbers)
    found = Int8Linear(weight, scale, None)(inputs_of(INT8_KERNEL_ROWS))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("rows", [1, linears.INT8_HEAD_KERNEL_ROWS, 40])
def test_quantized_head_has_the_same_numbers_in_blocks(rows: int) -> None:
    weight = weights(2_048).bfloat16()
    head = quantized_head(weight)
    assert isinstance(head, Int8Head)
    plain = quantized_head(weight.float())
    assert type(plain) is Int8Linear
    x = inputs_of(rows).bfloat16()
    torch.testing.assert_close(head(x).float(), plain(x.float()), rtol=0.01, atol=0.1)


def test_quantized_head_of_a_large_model_is_int8_only(monkeypatch: pytest.MonkeyPatch) -> None:
    weight = weights(2_048).bfloat16()
    monkeypatch.setattr(linears, "PACKED_HEAD_BYTES", weight.nbytes - 1)
    assert type(quantized_head(weight)) is Int8Linear


def test_blocks_are_made_for_the_first_product_and_kept() -> None:
    product = plain_linear(weights(4_096), None)
    assert isinstance(product, PackedLinear)
    assert "_blocks" not in vars(product)
    product(inputs_of(2))
    blocks = vars(product)["_blocks"]
    product(inputs_of(2))
    assert vars(product)["_blocks"] is blocks
