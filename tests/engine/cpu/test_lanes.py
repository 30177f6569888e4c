"""Sixteen numbers side by side: rounded, cut and gated as torch does it."""

from typing import Any

import numpy as np
import pytest
import torch
from numba import njit
from torch.nn import functional

from planner_node.engine.cpu.lanes_kernel import (
    LANES,
    load,
    nearest,
    silu,
    store,
    store_upper,
    upper,
)

Numbers = np.ndarray[Any, Any]
SPECIAL = [0.0, -0.0, np.inf, -np.inf, np.nan, 1e-38, -3.3e38, 1.00390625, 1.01171875, -87.5, 88.5]


@pytest.fixture
def numbers() -> Numbers:
    """Whole lanes of all magnitudes, with those that are rounded up, down and to the even one."""
    chance = np.random.default_rng(1)
    drawn = chance.standard_normal(LANES * 40) * 10.0 ** chance.integers(-20, 20, LANES * 40)
    drawn[: len(SPECIAL)] = SPECIAL
    return drawn.astype(np.float32)


@njit
def _nearest(x: Numbers, y: Numbers) -> None:
    for at in range(0, len(x), LANES):
        store(y, at, nearest(load(x, at)))


@njit
def _silu(x: Numbers, y: Numbers) -> None:
    for at in range(0, len(x), LANES):
        store(y, at, silu(load(x, at)))


@njit
def _cut(x: Numbers, kept: Numbers, upper_bits: Numbers) -> None:
    for at in range(0, len(x), LANES):
        store(kept, at, upper(load(x, at)))
        store_upper(upper_bits, at, load(x, at))


def test_nearest_is_the_bfloat16_that_torch_rounds_to(numbers: Numbers) -> None:
    found = np.zeros_like(numbers)
    _nearest(numbers, found)
    expected = torch.from_numpy(numbers).bfloat16().float().numpy()
    np.testing.assert_array_equal(found, expected)


def test_silu_is_that_of_torch(numbers: Numbers) -> None:
    found = np.zeros_like(numbers)
    _silu(numbers, found)
    finite = np.isfinite(numbers)
    expected = functional.silu(torch.from_numpy(numbers).double()).numpy()
    np.testing.assert_allclose(found[finite], expected[finite], rtol=1e-6, atol=1.5e-36)
    assert np.isnan(found[np.isnan(numbers)]).all()  # the engine looks for it


def test_upper_bits_are_kept_and_put_aside_alike(numbers: Numbers) -> None:
    kept, upper_bits = np.zeros_like(numbers), np.zeros(len(numbers), np.int16)
    _cut(numbers, kept, upper_bits)
    np.testing.assert_array_equal(kept.view(np.uint32), numbers.view(np.uint32) & 0xFFFF0000)
    np.testing.assert_array_equal(upper_bits.view(np.uint16), numbers.view(np.uint32) >> 16)
