"""Attention of one step in plain torch, rows in groups; what rows share is read once for all.

Queries that share a key head are stacked as if they were more queries of it, so grouped heads are
never repeated in memory. Rows that begin with the same prefix attend to one copy of it together,
each to its own tokens after it, and the two parts are weighed by their log-sum-exp: with a prompt
of 700 shared tokens that is most of the keys. Source: Juravsky et al., "Hydragen" (2024).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from planner_node.engine.batch import Chunk, Group, groups_of

# The kernel that scaled_dot_product_attention takes on a CPU; asked by its own name it also tells
# the log-sum-exp [rows, heads, query] in float32.
_with_weights = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu  # noqa: SLF001
FEWEST_SHARED_TOKENS: Final = 32  # fewer are not worth a second product


@dataclass(frozen=True, slots=True)
class Heads:
    """How many heads of queries and keys there are, and the size of one."""

    queries: int
    keys: int
    size: int

    @property
    def sharing(self) -> int:
        """Return how many query heads share a key head."""
        return self.queries // self.keys


@dataclass(frozen=True, slots=True)
class SharedPart:
    """The rows of a group that begin with one prefix; ``layers`` are its keys and values."""

    rows: Tensor | None  # in the group; None: all of them
    layers: list[Tensor]  # [tokens, 2, key heads, size] each


@dataclass(frozen=True, slots=True)
class GroupStep:
    """A group's tensors: what it reads of the cache, and where its tokens lie."""

    group: Group
    first_key: int  # what stands before is read from the shared parts
    cells: Tensor | None
    mask: Tensor | None  # additive [rows, 1, query x sharing, keys]; None: all keys are seen
    shared: list[SharedPart]


class StepAttention:
    """One step's attention: the same for every layer but for keys and values."""

    def __init__(self, ordered: list[Chunk], heads: Heads, like: Tensor) -> None:
        self._heads = heads
        self._groups = [_prepared(group, heads, like) for group in groups_of(ordered)]

    def __call__(self, index: int, kv: Tensor, queries: Tensor) -> Tensor:
        """Return [tokens, heads x size] for the layer of that index.

        ``kv`` [rows, context + 1, 2, key heads, size], ``queries`` [tokens, heads, size].
        """
        parts = [self._attend(index, kv, queries, part) for part in self._groups]
        whole: Tensor = parts[0] if len(parts) == 1 else torch.cat(parts)
        return whole

    def _attend(self, index: int, kv: Tensor, queries: Tensor, part: GroupStep) -> Tensor:
        group, heads = part.group, self._heads
        rows, num_query, size = group.num_rows, group.num_query, heads.size
        queries = queries[group.first_token : group.first_token + group.num_tokens]
        if part.cells is not None:
            padded = queries.new_zeros(rows * num_query, heads.queries, size)
            queries = padded.index_copy_(0, part.cells, queries)
        stacked = queries.view(rows, num_query, heads.keys, heads.sharing, size).transpose(1, 2)
        stacked = stacked.reshape(rows, heads.keys, num_query * heads.sharing, size)
        own = kv[group.first_slot : group.first_slot + rows, part.first_key : group.num_keys]
        keys, values = own[:, :, 0].transpose(1, 2), own[:, :, 1].transpose(1, 2)
        if part.shared:
            mixed, weights = _with_weights(stacked, keys, values, attn_mask=part.mask)
            for shared in part.shared:
                mixed = self._with_shared(index, stacked, mixed, weights, shared)
        else:
            mixed = functional.scaled_dot_product_attention(stacked, keys, values, part.mask)
        mixed = mixed.view(rows, heads.keys, num_query, heads.sharing, size).transpose(1, 2)
        mixed = mixed.reshape(rows * num_query, heads.queries * size)
        flat: Tensor = mixed if part.cells is None else mixed[part.cells]
        return flat

    def _with_shared(
        self, index: int, stacked: Tensor, mixed: Tensor, weights: Tensor, shared: SharedPart
    ) -> Tensor:
        """Mix in what the rows of a shared part see of their prefix."""
        own, own_weights = mixed, weights
        if shared.rows is not None:
            stacked, own, own_weights = (x[shared.rows] for x in (stacked, mixed, weights))
        rows, num_heads, num_query, size = stacked.shape
        together = stacked.transpose(0, 1).reshape(1, num_heads, rows * num_query, size)
        prefix = shared.layers[index]
        seen, seen_weights = _with_weights(
            together, prefix[None, :, 0].transpose(1, 2), prefix[None, :, 1].transpose(1, 2)
        )
        seen = seen.view(num_heads, rows, num_query, size).transpose(0, 1)
        seen_weights = seen_weights.view(num_heads, rows, num_query).transpose(0, 1)
        ratio = torch.sigmoid(seen_weights - own_weights).unsqueeze(-1).to(own.dtype)
        both = torch.lerp(own, seen, ratio)
        return both if shared.rows is None else mixed.index_copy(0, shared.rows, both)


def _prepared(group: Group, heads: Heads, like: Tensor) -> GroupStep:
    """Return the group with its tensors on the device and in the dtype of ``like``."""
    shared = _shared_parts(group, like)
    first_key = min((c.prefix.num_tokens for c in group.chunks if c.prefix), default=0)
    if not shared:
        first_key = 0
    cells = None if group.cells is None else torch.tensor(group.cells, device=like.device)
    mask = _mask(group, first_key, heads.sharing, is_split=bool(shared))
    if mask is None:
        return GroupStep(group, first_key, cells, None, shared)
    on_device = torch.from_numpy(mask).to(like.device, like.dtype)
    return GroupStep(group, first_key, cells, on_device, shared)


def _shared_parts(group: Group, like: Tensor) -> list[SharedPart]:
    """Return the group's rows by prefix, or nothing unless all rows have one that others share."""
    if like.device.type != "cpu" or len(group.chunks) == 1:
        return []
    rows: dict[int, list[int]] = {}
    for chunk in group.chunks:
        prefix = chunk.prefix
        if prefix is None or not FEWEST_SHARED_TOKENS <= prefix.num_tokens <= chunk.start:
            return []
        rows.setdefault(id(prefix), []).append(chunk.slot - group.first_slot)
    layers = {id(c.prefix): c.prefix.copies for c in group.chunks if c.prefix is not None}
    if len(rows) == 1 and len(group.chunks) == group.num_rows:
        return [SharedPart(None, *layers.values())]
    return [SharedPart(torch.tensor(of), layers[key]) for key, of in rows.items()]


def _mask(group: Group, first_key: int, sharing: int, *, is_split: bool) -> np.ndarray | None:
    """Return what each query does not see as -inf, float32 [rows, 1, query x sharing, keys]."""
    if group.num_rows == group.num_query == 1:
        return None
    last_seen = np.full((group.num_rows, group.num_query, 1), first_key)
    first_seen = np.full((group.num_rows, 1, 1), first_key)
    for chunk in group.chunks:
        row = chunk.slot - group.first_slot
        last_seen[row, : len(chunk.token_ids), 0] = range(chunk.start, chunk.stop)
        if is_split and chunk.prefix is not None:
            first_seen[row] = chunk.prefix.num_tokens
            last_seen[row, len(chunk.token_ids) :] = chunk.prefix.num_tokens
    keys = np.arange(first_key, group.num_keys)
    hidden = (keys > last_seen) | (keys < first_seen)
    mask = np.where(hidden, np.float32("-inf"), np.float32(0.0))
    return np.repeat(mask, sharing, axis=1)[:, None]
