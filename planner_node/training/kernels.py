"""What has a backward pass written by hand: norm, attention and gate of a layer, and the loss.

Each takes and gives rows in the type of the products (bfloat16 or float32) and keeps only what its
gradient needs. The formulas are those of RMSNorm (Zhang and Sennrich 2019), rotary positions (Su et
al. 2021), grouped queries (Ainslie et al. 2023) and SwiGLU (Shazeer 2020), as in LLaMA.
"""

from dataclasses import dataclass
from typing import Final, Protocol

import torch
from torch.nn import functional

Tensor = torch.Tensor
_LOSS_ROWS: Final = {"cpu": 128}  # a block of logits in float32 stays in a core's own cache
_MANY_ROWS: Final = 8192
_LEAST_SHARE: Final = 1e-30


@dataclass(frozen=True, slots=True)
class Heads:
    """How many heads ask, how many key-value heads they share, and the size of one."""

    asking: int
    shared: int
    size: int

    @property
    def group(self) -> int:
        """Asking heads to a shared one."""
        return self.asking // self.shared


@dataclass(frozen=True, slots=True)
class Places:
    """Rotations (tokens, 1, size / 2) and the mask of what comes later (group, tokens, tokens)."""

    cos: Tensor
    sin: Tensor
    later: Tensor


class Kept(Protocol):
    """What a forward pass leaves for its backward pass."""

    saved_tensors: tuple[Tensor, ...]
    heads: Heads
    places: Places

    def save_for_backward(self, *tensors: Tensor) -> None: ...


class Norm(torch.autograd.Function):
    """``x / rms(x) * weight`` over the last axis: float32 in, the products' type out."""

    @staticmethod
    def forward(ctx: Kept, x: Tensor, weight: Tensor, epsilon: float, out: torch.dtype) -> Tensor:
        inverse = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
        inverse = inverse.square_().div_(x.shape[-1]).add_(epsilon).rsqrt_()
        ctx.save_for_backward(x, weight, inverse)
        normed: Tensor = (x * inverse).mul_(weight).to(out)
        return normed

    @staticmethod
    def backward(ctx: Kept, *grads: Tensor) -> tuple[Tensor, Tensor, None, None]:
        x, weight, inverse = ctx.saved_tensors
        grad = grads[0].float()
        unit = x * inverse
        along = grad * unit
        size = x.shape[-1]
        mean = (along @ weight).unsqueeze(-1).div_(size)
        for_x = (grad * weight).addcmul_(unit, mean, value=-1).mul_(inverse)
        return for_x, along.reshape(-1, size).sum(0), None, None


class Gate(torch.autograd.Function):
    """``silu(first half) * second half`` of the last axis."""

    @staticmethod
    def forward(ctx: Kept, both: Tensor) -> Tensor:
        ctx.save_for_backward(both)
        gate, up = both.chunk(2, -1)
        return functional.silu(gate).mul_(up)

    @staticmethod
    def backward(ctx: Kept, *grads: Tensor) -> Tensor:
        (both,) = ctx.saved_tensors
        gate, up = both.chunk(2, -1)
        for_both = torch.empty_like(both)
        for_gate, for_up = for_both.chunk(2, -1)
        torch.mul(grads[0], functional.silu(gate), out=for_up)
        for_gate.copy_(torch.ops.aten.silu_backward(grads[0] * up, gate))
        return for_both


class Attention(torch.autograd.Function):
    """Causal attention of packed (rows, tokens, queries + keys + values); gives all heads."""

    @staticmethod
    def forward(ctx: Kept, packed: Tensor, heads: Heads, places: Places) -> Tensor:
        rows, tokens, _ = packed.shape
        turned = _rotated(packed, heads, places, sign=1)
        queries = _grouped(turned[:, :, : heads.asking], heads)
        keys = turned[:, :, heads.asking :].transpose(1, 2).reshape(-1, tokens, heads.size)
        values = _values(packed, heads)
        scores = torch.bmm(queries, keys.mT).view(-1, heads.group, tokens, tokens)
        torch.add(places.later, scores, alpha=heads.size**-0.5, out=scores)
        shares = torch.softmax(scores, -1).view(-1, heads.group * tokens, tokens)
        ctx.save_for_backward(queries, keys, values, shares)
        ctx.heads, ctx.places = heads, places
        return _ungrouped(torch.bmm(shares, values), heads, tokens).reshape(rows, tokens, -1)

    @staticmethod
    def backward(ctx: Kept, *grads: Tensor) -> tuple[Tensor, None, None]:
        queries, keys, values, shares = ctx.saved_tensors
        heads = ctx.heads
        rows, tokens, _ = grads[0].shape
        grad = _grouped(grads[0].view(rows, tokens, heads.asking, heads.size), heads)
        for_values = torch.bmm(shares.mT, grad)
        for_scores = torch.ops.aten._softmax_backward_data(  # noqa: SLF001  its only name
            torch.bmm(grad, values.mT), shares, -1, shares.dtype
        ).mul_(heads.size**-0.5)
        turned = grad.new_empty(rows, tokens, heads.asking + heads.shared, heads.size)
        turned[:, :, : heads.asking] = _ungrouped(torch.bmm(for_scores, keys), heads, tokens)
        turned[:, :, heads.asking :] = _by_token(torch.bmm(for_scores.mT, queries), heads)
        back = _rotated(turned, heads, ctx.places, sign=-1)
        apart = _by_token(for_values, heads).reshape(rows, tokens, -1)
        return torch.cat([back.view(rows, tokens, -1), apart], -1), None, None


class Surprise(torch.autograd.Function):
    """Summed cross entropy of ``labels`` (n); logits are ``state`` (n, hidden) by ``weight``.

    The gradient of the logits is made with them, block by block; no logits are kept in float32.
    """

    @staticmethod
    def forward(ctx: Kept, state: Tensor, weight: Tensor, labels: Tensor) -> Tensor:
        matrix = weight.to(state.dtype)
        grads = state.new_empty(len(state), len(matrix))
        loss = torch.zeros((), device=state.device)
        rows = loss_rows(state.device)
        for begin in range(0, len(state), rows):
            block = slice(begin, begin + rows)
            expected = labels[block, None]
            shares = torch.softmax(functional.linear(state[block], matrix).float(), -1)
            right = shares.gather(1, expected)
            loss -= right.clamp_min(_LEAST_SHARE).log_().sum()
            grads[block] = shares.scatter_(1, expected, right - 1)
        ctx.save_for_backward(state, matrix, grads)
        return loss

    @staticmethod
    def backward(ctx: Kept, *grads: Tensor) -> tuple[Tensor, Tensor, None]:
        state, matrix, for_logits = ctx.saved_tensors
        for_state = (for_logits @ matrix).mul_(grads[0])
        return for_state, (for_logits.mT @ state).float().mul_(grads[0]), None


def loss_rows(device: torch.device) -> int:
    """How many rows of logits are made at once."""
    return _LOSS_ROWS.get(device.type, _MANY_ROWS)


def _rotated(packed: Tensor, heads: Heads, places: Places, *, sign: int) -> Tensor:
    """Queries and keys (rows, tokens, heads, size), each turned by its position."""
    rows, tokens = packed.shape[:2]
    both = heads.asking + heads.shared
    flat = packed.reshape(rows, tokens, -1)[..., : both * heads.size]
    pairs = flat.view(rows, tokens, both, 2, heads.size // 2)
    first, second = pairs.unbind(-2)
    turned = torch.empty_like(pairs, memory_format=torch.contiguous_format)
    left, right = turned.unbind(-2)
    torch.mul(first, places.cos, out=left)
    left.addcmul_(second, places.sin, value=-sign)
    torch.mul(second, places.cos, out=right)
    right.addcmul_(first, places.sin, value=sign)
    return turned.view(rows, tokens, both, heads.size)


def _values(packed: Tensor, heads: Heads) -> Tensor:
    rows, tokens, _ = packed.shape
    apart = packed[..., (heads.asking + heads.shared) * heads.size :]
    by_head = apart.view(rows, tokens, heads.shared, heads.size).transpose(1, 2)
    return by_head.reshape(-1, tokens, heads.size)


def _grouped(x: Tensor, heads: Heads) -> Tensor:
    """(rows, tokens, asking, size) as (rows * shared, group * tokens, size)."""
    rows, tokens = x.shape[:2]
    apart = x.reshape(rows, tokens, heads.shared, heads.group, heads.size)
    return apart.permute(0, 2, 3, 1, 4).reshape(-1, heads.group * tokens, heads.size)


def _ungrouped(x: Tensor, heads: Heads, tokens: int) -> Tensor:
    """The inverse of ``_grouped``."""
    apart = x.view(-1, heads.shared, heads.group, tokens, heads.size).permute(0, 3, 1, 2, 4)
    return apart.reshape(-1, tokens, heads.asking, heads.size)


def _by_token(x: Tensor, heads: Heads) -> Tensor:
    """(rows * shared, tokens, size) as (rows, tokens, shared, size)."""
    return x.view(-1, heads.shared, x.shape[1], heads.size).transpose(1, 2)
