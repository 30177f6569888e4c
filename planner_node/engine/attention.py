"""Attention of one step in plain torch, rows in groups; what rows share is read once for all.

Queries that share a key head are stacked as if they were more queries of it, so grouped heads are
never repeated in memory. Rows that begin with the same prefix attend to one copy of it together,
each to its own tokens after it, and the two parts are weighed by their log-sum-exp: with a prompt
of 700 shared tokens that is most of the keys. Source: Juravsky et al., "Hydragen" (2024).

How it works: where every query goes, and where its result lies, is the same in all layers. So it
is worked out once a step, as indices; a layer then gathers all queries at once, runs each part,
and gathers the results. Only the table of own tokens is padded, never what meets a prefix.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from planner_node.engine.batch import Chunk, Group, groups_of
from planner_node.engine.kv_cache import Prefix

# The kernel that scaled_dot_product_attention takes on a CPU; asked by its own name it costs half
# the call, and it also tells the log-sum-exp [rows, heads, query] in float32.
_with_weights = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu.default  # noqa: SLF001
FEWEST_SHARED_TOKENS: Final = 32  # fewer are not worth a second product
KEYS_STEP: Final = 16  # the kernel takes a sixth longer for 141 keys than for 144

Indices = np.ndarray[Any, np.dtype[np.int64]]


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
class Part:
    """One call of the kernel in every layer; keys and values [rows, key heads, keys, size] each.

    ``gather`` [rows, key heads, query, sharing] tells which row of the layer's product, seen as
    [tokens x all heads, size], each query is; the result lies as [rows, query, sharing, key heads].
    """

    gather: Indices
    keys: Sequence[Tensor]
    values: Sequence[Tensor]
    mask: Tensor | None = None  # additive [rows, 1, query x sharing, keys]; None: all is seen

    @property
    def shape(self) -> tuple[int, int, int, int]:
        rows, key_heads, num_query, sharing = self.gather.shape
        return rows, key_heads, num_query * sharing, self.keys[0].shape[-1]


class StepAttention:
    """One step's attention: the same for every layer but for keys and values."""

    def __init__(
        self, ordered: list[Chunk], heads: Heads, kv: Tensor, prefixes: "PrefixViews"
    ) -> None:
        """Prepare the chunks; ``kv`` [layers, rows, context + 1, 2, key heads, size]."""
        self._heads = heads
        self._on_cpu = kv.device.type == "cpu"
        layout = _Layout(ordered, heads, kv, prefixes)
        self._parts = layout.own + layout.shared
        self._num_own = len(layout.own)
        self._num_tokens = layout.num_tokens
        self._gather = _joined((part.gather for part in self._parts), kv.device)
        self._lengths = [part.gather.size for part in self._parts]
        self._own = torch.from_numpy(layout.found_own).to(kv.device)
        if layout.shared:
            self._seen = torch.from_numpy(layout.found_seen)
            self._own_seen = self._own[: layout.found_seen.size]

    def __call__(self, index: int, qkv: Tensor) -> Tensor:
        """Return [tokens, heads x size] for that layer's ``qkv`` [tokens, all heads, size]."""
        results = [
            self._attend(index, part, queries)
            for part, queries in zip(self._parts, self._queries(qkv), strict=True)
        ]
        mixed, weights = zip(*results, strict=True)
        num_own = self._num_own
        found = _whole(mixed[:num_own]).index_select(0, self._own)
        if len(results) > num_own:
            own_weights = _whole(weights[:num_own]).index_select(0, self._own_seen)
            seen_weights = _whole(weights[num_own:]).index_select(0, self._seen)
            ratio = seen_weights.sub_(own_weights).sigmoid_()
            seen = _whole(mixed[num_own:]).index_select(0, self._seen)
            both = found[: ratio.shape[0]]
            both.lerp_(seen, ratio.unsqueeze(1).to(found.dtype))
        return found.view(self._num_tokens, -1)

    def _queries(self, qkv: Tensor) -> Sequence[Tensor]:
        """Return the queries of each part, in the order of its ``gather``."""
        if self._num_tokens == 1:
            return (qkv[:, : self._heads.queries],)
        stacked = qkv.view(-1, self._heads.size).index_select(0, self._gather)
        return torch.split(stacked, self._lengths) if len(self._parts) > 1 else (stacked,)

    def _attend(self, index: int, part: Part, queries: Tensor) -> tuple[Tensor, Tensor]:
        """Return results [rows x query x sharing x key heads, size], and their log-sum-exp."""
        queries = queries.view(part.shape)
        keys, values = part.keys[index], part.values[index]
        if not self._on_cpu:  # nothing is shared there: nobody looks at the second result
            mixed = functional.scaled_dot_product_attention(queries, keys, values, part.mask)
            flat = mixed.transpose(1, 2).reshape(-1, self._heads.size)
            return flat, flat
        mixed, weights = _with_weights(queries, keys, values, attn_mask=part.mask)
        # the kernel's own layout: neither of the two is a copy
        flat = mixed.transpose(1, 2).reshape(-1, self._heads.size)
        return flat, weights.transpose(1, 2).reshape(-1)


def _whole(parts: tuple[Tensor, ...]) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(parts)


class PrefixViews:
    """Keys and values of prefixes as the kernel takes them: made once, kept as long as they are."""

    def __init__(self) -> None:
        self._views: WeakKeyDictionary[Prefix, tuple[list[Tensor], list[Tensor]]]
        self._views = WeakKeyDictionary()

    def of(self, prefix: Prefix) -> tuple[list[Tensor], list[Tensor]]:
        """Return keys and values [1, key heads, tokens, size] of every layer."""
        if prefix not in self._views:
            turned = [copy[None].permute(2, 0, 3, 1, 4) for copy in prefix.copies]
            self._views[prefix] = [kv[0] for kv in turned], [kv[1] for kv in turned]
        return self._views[prefix]


class _Layout:
    """The parts of a step, and where the results of each token's heads come to lie.

    ``found_own`` and ``found_seen`` [tokens x heads] are places in the results of the own and of
    the shared parts. Tokens that share come first, so that the second is no longer than the first.
    """

    def __init__(
        self, ordered: list[Chunk], heads: Heads, kv: Tensor, prefixes: PrefixViews
    ) -> None:
        self._heads = heads
        self._kv = kv
        self.own: list[Part] = []
        self.shared: list[Part] = []
        self.num_tokens = sum(len(chunk.token_ids) for chunk in ordered)
        own: list[Indices] = []
        self.found_seen: Indices = np.empty(0, np.int64)
        first_result = 0
        for group in groups_of(ordered):
            tokens_of = _tokens_by_prefix(group) if kv.device.type == "cpu" else {}
            self.own.append(self._own_part(group, is_split=bool(tokens_of)))
            own.append(first_result + self._found(_cells(group)))
            first_result += self.own[-1].gather.size
            if tokens_of:
                self._share(group, tokens_of, prefixes)
        self.found_own = own[0] if len(own) == 1 else np.concatenate(own)

    def _own_part(self, group: Group, *, is_split: bool) -> Part:
        first_key = _first_key(group) if is_split else 0
        rows = slice(group.first_slot, group.first_slot + group.num_rows)
        most_keys = self._kv.shape[2] - 1  # what follows is scratch
        mask = _mask(group, first_key, most_keys, self._heads.sharing, is_split=is_split)
        num_keys = group.num_keys - first_key if mask is None else mask.shape[-1]
        keys, values = (
            self._kv[:, rows, first_key:].narrow(2, 0, num_keys).permute(3, 0, 1, 4, 2, 5)
        )
        return Part(
            gather=self._gather(_table(group)),
            keys=keys.unbind(0),
            values=values.unbind(0),
            mask=None if mask is None else torch.from_numpy(mask).to(self._kv),
        )

    def _share(
        self, group: Group, tokens_of: dict[Prefix, list[int]], prefixes: PrefixViews
    ) -> None:
        """Add a part for each prefix; only one group of a step has any, the first."""
        found = np.empty((group.num_tokens, self._heads.queries), np.int64)
        first_result = 0
        for prefix, tokens in tokens_of.items():
            part = Part(self._gather(np.array([tokens])), *prefixes.of(prefix))
            places = self._found(np.arange(len(tokens)))
            found[np.array(tokens) - group.first_token] = first_result + places.reshape(
                len(tokens), -1
            )
            first_result += part.gather.size
            self.shared.append(part)
        self.found_seen = found.reshape(-1)

    def _gather(self, table: Indices) -> Indices:
        """Return which rows of the product a table [rows, query] of tokens stacks."""
        heads = self._heads
        of_head = np.arange(heads.queries).reshape(heads.keys, 1, heads.sharing)
        tokens = table[:, None, :, None] * (heads.queries + 2 * heads.keys)
        return np.asarray(tokens + of_head)

    def _found(self, cells: Indices) -> Indices:
        """Return where the results of tokens at ``cells`` [tokens] of a table lie, head by head."""
        heads = self._heads
        of_head = np.arange(heads.queries).reshape(heads.keys, heads.sharing)
        place = (of_head % heads.sharing) * heads.keys + of_head // heads.sharing
        return np.asarray(cells[:, None] * heads.queries + place.reshape(1, -1)).reshape(-1)


def _joined(indices: Iterator[Indices], device: torch.device) -> Tensor:
    flat = [part.reshape(-1) for part in indices]
    return torch.from_numpy(flat[0] if len(flat) == 1 else np.concatenate(flat)).to(device)


def _cells(group: Group) -> Indices:
    """Return each token's cell in the group's padded [rows, query] table."""
    if group.cells is None:
        return np.arange(group.num_tokens)
    return np.array(group.cells)


def _table(group: Group) -> Indices:
    """Return the token at each cell of the padded [rows, query] table; padding repeats one."""
    tokens = np.arange(group.first_token, group.first_token + group.num_tokens)
    shape = (group.num_rows, group.num_query)
    if group.cells is None:
        return tokens.reshape(shape)
    table = np.full(shape, group.first_token)
    table.reshape(-1)[group.cells] = tokens
    return table


def _first_key(group: Group) -> int:
    return min(chunk.prefix.num_tokens for chunk in group.chunks if chunk.prefix)


def _tokens_by_prefix(group: Group) -> dict[Prefix, list[int]]:
    """Return the group's tokens by prefix; nothing unless all its rows have one to share."""
    if len(group.chunks) == 1:
        return {}
    tokens_of: dict[Prefix, list[int]] = {}
    first_token = group.first_token
    for chunk in group.chunks:
        prefix = chunk.prefix
        if prefix is None or not FEWEST_SHARED_TOKENS <= prefix.num_tokens <= chunk.start:
            return {}
        stop = first_token + len(chunk.token_ids)
        tokens_of.setdefault(prefix, []).extend(range(first_token, stop))
        first_token = stop
    return tokens_of


def _mask(
    group: Group, first_key: int, most_keys: int, sharing: int, *, is_split: bool
) -> np.ndarray[Any, np.dtype[np.float32]] | None:
    """Return what each query does not see as -inf, float32 [rows, 1, query x sharing, keys].

    Keys go on beyond the last one that is seen, up to a number that the kernel likes.
    """
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
    num_keys = -(-(group.num_keys - first_key) // KEYS_STEP) * KEYS_STEP
    keys = np.arange(first_key, min(first_key + num_keys, most_keys))
    hidden = (keys > last_seen) | (keys < first_seen)
    mask = np.where(hidden, np.float32("-inf"), np.float32(0.0))
    return np.repeat(mask, sharing, axis=1)[:, None]
