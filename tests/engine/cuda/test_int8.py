"""Weight-only int8 products against the same product in float32."""

import pytest
import torch

from planner_node.engine.cuda.int8 import int8_linear

GENERATOR_SEED = 5


def quantized(outputs: int, inputs: int) -> tuple[torch.Tensor, torch.Tensor]:
    made = torch.Generator().manual_seed(GENERATOR_SEED)
    weight = torch.randint(-127, 128, (outputs, inputs), generator=made, dtype=torch.int8)
    return weight, torch.rand(outputs, generator=made) / 127


@pytest.mark.parametrize("rows", [1, 3, 16, 17, 70])
@pytest.mark.parametrize(("outputs", "inputs"), [(32, 128), (37, 100), (200, 257)])
def test_int8_linear_equals_the_product_in_float32(
    rows: int, outputs: int, inputs: int, device: torch.device
) -> None:
    weight, scale = quantized(outputs, inputs)
    x = torch.randn(rows, inputs, generator=torch.Generator().manual_seed(1)).half()
    wanted = x.float() @ (weight.float() * scale[:, None]).T
    found = int8_linear(x.to(device), weight.to(device), scale.to(device))
    assert found.dtype is torch.float16
    torch.testing.assert_close(found.cpu().float(), wanted, rtol=2e-3, atol=2e-2)


def test_int8_linear_adds_the_bias(device: torch.device) -> None:
    weight, scale = quantized(48, 64)
    x = torch.randn(2, 64, generator=torch.Generator().manual_seed(2)).half().to(device)
    bias = torch.arange(48.0).half().to(device)
    plain = int8_linear(x, weight.to(device), scale.to(device))
    moved = int8_linear(x, weight.to(device), scale.to(device), bias)
    torch.testing.assert_close(moved.float(), plain.float() + bias.float(), rtol=2e-3, atol=5e-2)


@pytest.mark.gpu
@pytest.mark.skipif(
    not torch.cuda.is_available(), reason="Triton's interpreter has no products in bfloat16"
)
def test_int8_linear_takes_bfloat16(device: torch.device) -> None:
    weight, scale = quantized(40, 96)
    x = torch.randn(4, 96, generator=torch.Generator().manual_seed(3)).bfloat16()
    wanted = x.float() @ (weight.float() * scale[:, None]).T
    found = int8_linear(x.to(device), weight.to(device), scale.to(device))
    assert found.dtype is torch.bfloat16
    torch.testing.assert_close(found.cpu().float(), wanted, rtol=1e-2, atol=1e-1)
