"""Muon (Jordan et al. 2024) for the weight matrices: momentum whose update is made orthogonal.

``torch.optim.Muon`` runs its Newton-Schulz steps in bfloat16 one matrix at a time, which a CPU
without bfloat16 instructions emulates: a quarter of the training time. Here matrices of one
shape are stacked and multiplied in the precision of the run; the update is scaled as
``match_rms_adamw`` does.
"""

from collections.abc import Iterable
from functools import partial
from typing import Final

import torch

from planner_node.training.gradients import Each

_A, _B, _C = 3.4445, -4.7750, 2.0315
_ROUNDS: Final = 5
_STACKED: Final = 8  # matrices that one worker takes at once
_RMS: Final = 0.2


def orthogonal(stack: torch.Tensor) -> torch.Tensor:
    """Push the singular values of each matrix in ``stack`` (n, rows, columns) towards one."""
    tall = stack.size(-2) > stack.size(-1)
    x: torch.Tensor = stack.mT if tall else stack
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(_ROUNDS):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=_B, alpha=_C), x, beta=_A)
    return x.mT if tall else x


class Muon(torch.optim.Optimizer):
    """Muon over 2-D parameters, with decoupled weight decay."""

    def __init__(
        self,
        params: Iterable[torch.Tensor],
        lr: float,
        momentum: float = 0.95,
        weight_decay: float = 0.1,
        precision: torch.dtype = torch.float32,
        each: Each = map,
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})
        self._precision, self._each = precision, each

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]  # noqa: ARG002  the base class names it
        """Update every parameter that has a gradient."""
        for group in self.param_groups:
            by_shape: dict[torch.Size, list[torch.Tensor]] = {}
            for param in group["params"]:
                if param.grad is not None:
                    by_shape.setdefault(param.shape, []).append(param)
            stacks = [
                params[begin : begin + _STACKED]
                for params in by_shape.values()
                for begin in range(0, len(params), _STACKED)
            ]
            list(self._each(partial(self._update, group=group), stacks))

    @torch.no_grad()
    def _update(self, params: list[torch.Tensor], group: dict[str, float]) -> None:
        grads = [param.grad for param in params if param.grad is not None]
        velocities = [
            self.state[param].setdefault("velocity", torch.zeros_like(param)) for param in params
        ]
        # PyTorch's own optimizers are written in these, its only names for them.
        torch._foreach_lerp_(velocities, grads, 1 - group["momentum"])
        directions = torch._foreach_lerp(grads, velocities, group["momentum"])  # noqa: SLF001
        stack = torch.stack(directions).to(self._precision)
        updates = orthogonal(stack).to(params[0].dtype)
        scale = _RMS * max(params[0].shape) ** 0.5
        torch._foreach_mul_(params, 1 - group["lr"] * group["weight_decay"])
        torch._foreach_add_(params, updates.unbind(), alpha=-group["lr"] * scale)
