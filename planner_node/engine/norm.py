"""Root mean square normalisation; source: Zhang and Sennrich (2019)."""

import torch
from torch import Tensor
from torch.nn import functional


class RmsNorm:
    """``x`` / sqrt(mean(x²) + epsilon) · weight, over the last dimension."""

    def __init__(self, weight: Tensor, epsilon: float) -> None:
        size = weight.shape[0]
        self.weight = weight.detach()
        self.epsilon = epsilon
        self._shape = (size,)
        self._is_fast = weight.dtype is torch.float32 and weight.device.type == "cpu"
        self._scaled = self.weight * size**0.5
        self._least = torch.tensor((size * epsilon) ** 0.5)

    def __call__(self, x: Tensor) -> Tensor:
        if (
            self._is_fast
        ):  # a composite on the CPU: the same by way of the length, in half the calls
            length = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
            return x.div(length.hypot_(self._least)).mul_(self._scaled)
        return functional.rms_norm(x, self._shape, self.weight, self.epsilon)
