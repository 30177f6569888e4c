"""The forward pass through transformers, for any causal model with plain attention caches."""

from typing import Any, Protocol

import torch
from torch import Tensor

from planner_node.engine.batch import Chunk, Group, groups_of, in_attention_order
from planner_node.engine.kv_cache import KvSlots


class Forward(Protocol):
    """Runs token runs through a model whose keys and values lie in ``slots``.

    ``hidden`` may return before the device is done, so that masks are filled meanwhile; its
    result is opaque and goes into ``scores``.
    """

    slots: KvSlots
    vocabulary_tokens: int
    device: torch.device

    def hidden(self, chunks: list[Chunk]) -> Tensor:
        """Run the chunks, one per row at most; return [outputs, ...] in the order of ``chunks``."""
        ...

    def scores(self, hidden: Tensor) -> Tensor:
        """Return the logits [outputs, vocabulary]."""
        ...


class SlotCache:
    """Looks like a transformers cache and writes into slots; aimed at one group at a time.

    Models only ask it to ``update`` when positions and a four-dimensional mask are given.
    """

    def __init__(self, slots: KvSlots) -> None:
        self._slots = slots
        self._buffers: dict[int, tuple[Tensor, Tensor]] = {}
        self._num_keys = 0
        self._rows = slice(0, 0)
        self._row_index = torch.empty(0)
        self._positions = torch.empty(0)

    def aim(self, group: Group, positions: Tensor) -> None:
        """Point the cache at a group; ``positions`` [rows, query] tells where its tokens go."""
        self._num_keys = group.num_keys
        self._rows = slice(group.first_slot, group.first_slot + group.num_rows)
        self._row_index = torch.arange(self._rows.start, self._rows.stop)[:, None]
        self._positions = positions

    def update(
        self,
        key_states: Tensor,
        value_states: Tensor,
        layer_idx: int,
        *_: object,
        **__: object,
    ) -> tuple[Tensor, Tensor]:
        """Store [rows, heads, query, size]; return all keys and values the group may see."""
        if layer_idx not in self._buffers:
            self._buffers[layer_idx] = (self._make(key_states), self._make(value_states))
        keys, values = self._buffers[layer_idx]
        where = (self._row_index.to(keys.device), self._positions.to(keys.device))
        keys[where] = key_states.transpose(1, 2)
        values[where] = value_states.transpose(1, 2)
        visible = (self._rows, slice(self._num_keys))
        return keys[visible].transpose(1, 2), values[visible].transpose(1, 2)

    def get_seq_length(self, *_: object, **__: object) -> int:
        return self._num_keys

    def _make(self, states: Tensor) -> Tensor:
        return self._slots.make((states.shape[1], states.shape[3]), states.dtype, states.device)


class TransformersForward:
    """Runs each group of rows as one padded call of the model."""

    def __init__(self, model: Any, slots: KvSlots) -> None:  # noqa: ANN401  transformers is untyped here
        self.slots = slots
        self.vocabulary_tokens: int = model.get_output_embeddings().weight.shape[0]
        self.device: torch.device = model.get_input_embeddings().weight.device
        self._model = model
        self._cache = SlotCache(slots)

    def hidden(self, chunks: list[Chunk]) -> Tensor:
        """Return the logits already: some models do more than a product after the last layer."""
        parts: dict[int, Tensor] = {}
        for group in groups_of(in_attention_order(chunks)):
            parts.update(self._run(group))
        wanted = [parts[chunk.slot] for chunk in chunks if chunk.num_outputs]
        return torch.cat(wanted) if wanted else torch.empty(0, self.vocabulary_tokens)

    def scores(self, hidden: Tensor) -> Tensor:
        return hidden

    def _run(self, group: Group) -> dict[int, Tensor]:
        """Return each slot's logits [outputs, vocabulary]."""
        ids, positions = self._tables(group)
        columns = sorted({c for chunk in group.chunks for c in _output_columns(chunk)}) or [0]
        self._cache.aim(group, positions)
        seen = positions.clamp(max=self.slots.context_tokens - 1)
        keys = torch.arange(group.num_keys, device=self.device)
        logits = self._model(
            input_ids=ids,
            position_ids=seen,
            attention_mask=(keys <= seen[:, :, None])[:, None],
            past_key_values=self._cache,
            use_cache=True,
            logits_to_keep=torch.tensor(columns, device=self.device),
        ).logits
        return {
            chunk.slot: logits[
                chunk.slot - group.first_slot, [columns.index(c) for c in _output_columns(chunk)]
            ]
            for chunk in group.chunks
        }

    def _tables(self, group: Group) -> tuple[Tensor, Tensor]:
        """Return ids and positions [rows, query], padded with id 0 at the scratch position."""
        shape = (group.num_rows, group.num_query)
        ids = [[0] * shape[1] for _ in range(shape[0])]
        positions = [[self.slots.scratch_position] * shape[1] for _ in range(shape[0])]
        for chunk in group.chunks:
            row, length = chunk.slot - group.first_slot, len(chunk.token_ids)
            ids[row][:length] = chunk.token_ids
            positions[row][:length] = range(chunk.start, chunk.stop)
        return (
            torch.tensor(ids, device=self.device),
            torch.tensor(positions, device=self.device),
        )


def _output_columns(chunk: Chunk) -> range:
    length = len(chunk.token_ids)
    return range(length - chunk.num_outputs, length)
