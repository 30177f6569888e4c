"""Triton's kernels on whatever machine there is: interpreted where no CUDA device answers."""

import pytest
import torch


@pytest.fixture
def device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
