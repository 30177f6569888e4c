"""Weights of a compiled forward: fewer bytes, the same numbers."""

import pytest
import torch
from torch import Tensor

from planner_node.engine.cpu.weights import Kept, keep_all
from planner_node.engine.plain import PlainLinear


def weights(outputs: int = 48, inputs: int = 64) -> Tensor:
    return torch.randn(outputs, inputs, generator=torch.Generator().manual_seed(0))


def kept(*weights: Tensor) -> list[Kept]:
    return keep_all([PlainLinear(weight, None) for weight in weights])


def as_float(one: Kept) -> Tensor:
    """Return the weight that is meant."""
    numbers = torch.from_numpy(one.numbers.view(one.numbers.dtype.str.replace("u", "i")))
    kinds = {"uint16": torch.float16, "int16": torch.bfloat16, "float32": torch.float32}
    return (
        numbers.view(kinds[one.numbers.dtype.name]).float() * torch.from_numpy(one.scale)[:, None]
    )


@pytest.mark.parametrize(
    ("stored", "name"), [(torch.float16, "uint16"), (torch.float32, "float32")]
)
def test_numbers_are_those_that_were_loaded(stored: torch.dtype, name: str) -> None:
    weight = (0.01 * weights()).to(stored).float()
    (one,) = kept(weight)
    assert one.numbers.dtype.name == name
    assert torch.equal(as_float(one), weight)


@pytest.mark.parametrize("spoilt", [1.0 + 2.0**-12, 2.0**-50])
def test_all_are_alike_if_a_single_number_is_finer(spoilt: float) -> None:
    weight = weights().half().float()
    finer = weight.clone()
    finer[-1, -1] = spoilt
    found = kept(weight, finer)
    assert {one.numbers.dtype.name for one in found} == {"float32"}
    assert torch.equal(as_float(found[1]), finer)


@pytest.mark.parametrize("largest", [1e-38, 1e-20, 65_504.0, 2.0**100])
def test_the_largest_number_of_a_weight_does_not_matter(largest: float) -> None:
    weight = torch.full((8, 64), largest).bfloat16().float()
    (one,) = kept(weight)
    assert one.numbers.dtype.name == ("uint16" if largest > 1e-24 else "int16")
    assert torch.equal(as_float(one), weight)


def test_weights_of_zero_stay_zero() -> None:
    (one,) = kept(torch.zeros(8, 64))
    assert not as_float(one).any()


def test_a_bias_is_kept_beside() -> None:
    (one,) = keep_all([PlainLinear(weights(), torch.arange(48.0))])
    assert one.bias.tolist() == list(range(48))
