"""Our own forward pass for Llama-shaped models, over the weights that transformers loaded.

How it works: all tokens of a step lie flat in one [tokens, hidden] table, so no projection ever
sees padding; only attention groups rows (see ``batch``). Query, key and value come from one
product, gate and up from another. Queries that share a key head are stacked as if they were more
queries of it, so grouped heads are never repeated in memory.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from planner_node.engine.batch import Chunk, Group, groups_of, in_attention_order
from planner_node.engine.kv_cache import KvSlots

FAMILIES: Final = frozenset({"llama", "mistral", "qwen2"})
# Angles that depend on the position alone; others change with the length of the sequence.
FIXED_ROPE: Final = frozenset({"default", "linear", "llama3"})


@dataclass(frozen=True, slots=True)
class Layer:
    """The weights of one layer; ``kv`` is [rows, context + 1, 2, key heads, head size]."""

    attention_norm: Tensor
    qkv: Tensor
    qkv_bias: Tensor | None
    out: Tensor
    out_bias: Tensor | None
    mlp_norm: Tensor
    gate_up: Tensor
    gate_up_bias: Tensor | None
    down: Tensor
    down_bias: Tensor | None
    kv: Tensor


@dataclass(frozen=True, slots=True)
class AttentionGroup:
    """A group's tensors: what it reads of the cache, and where its tokens lie."""

    group: Group
    cells: Tensor | None
    mask: Tensor | None  # additive [rows, 1, query x shared heads, keys]; None: all keys are seen


# The mixed values [tokens, heads x head size] of a layer's cache and queries [tokens, heads, size].
Attend = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True, slots=True)
class Step:
    """The tensors of one forward pass, shared by all layers."""

    token_ids: Tensor
    kv_cells: Tensor  # where in the flattened cache each token's key and value go
    positions: Tensor
    groups: list[AttentionGroup]
    outputs: Tensor


def is_llama_shaped(model: Any) -> bool:  # noqa: ANN401  transformers is untyped here
    """Whether ``LlamaForward`` computes what this model computes.

    Quantized projections, adapters, several devices, sliding windows and unusual rope go through
    transformers instead.
    """
    config = model.config
    if config.model_type not in FAMILIES or config.hidden_act != "silu":
        return False
    if getattr(config, "sliding_window", None) is not None and config.model_type != "qwen2":
        return False
    if getattr(config, "use_sliding_window", False):
        return False
    if config.rope_parameters.get("rope_type", "default") not in FIXED_ROPE:
        return False
    floating = {p.dtype for p in model.parameters()}
    devices = {p.device for p in model.parameters()}
    linears = [m for layer in model.model.layers for m in layer.modules() if _is_projection(m)]
    plain = len(linears) == 7 * len(model.model.layers) and all(
        type(linear) is nn.Linear for linear in linears
    )
    return plain and type(model.lm_head) is nn.Linear and len(floating) == len(devices) == 1


def _is_projection(module: nn.Module) -> bool:
    return hasattr(module, "in_features")


def _fuse(*linears: nn.Linear) -> tuple[Tensor, Tensor | None]:
    """Return one weight for several projections; theirs become views of it, so memory is equal."""
    with torch.no_grad():
        weight = torch.cat([linear.weight for linear in linears])
        parts = torch.split(weight, [linear.out_features for linear in linears])
        for linear, part in zip(linears, parts, strict=True):
            linear.weight.data = part
        biases = [linear.bias for linear in linears if linear.bias is not None]
        bias = torch.cat([b.detach() for b in biases]) if biases else None
    return weight.detach(), bias


def _bias(linear: nn.Linear) -> Tensor | None:
    return None if linear.bias is None else linear.bias.detach()


class LlamaForward:
    """Runs steps of a Llama-shaped model over its cache slots."""

    def __init__(self, model: Any, slots: KvSlots) -> None:  # noqa: ANN401  transformers is untyped here
        config = model.config
        self.slots = slots
        self.vocabulary_tokens: int = model.lm_head.out_features
        self._embedding: Tensor = model.model.embed_tokens.weight.detach()
        self.device = self._embedding.device
        self._dtype = self._embedding.dtype
        self._heads: int = config.num_attention_heads
        self._kv_heads: int = config.num_key_value_heads
        self._head_size: int = model.model.layers[0].self_attn.head_dim
        self._epsilon: float = config.rms_norm_eps
        self._norm: Tensor = model.model.norm.weight.detach()
        self._head: Tensor = model.lm_head.weight.detach()
        self._layers = [self._layer(layer) for layer in model.model.layers]
        self._cosine, self._sine = self._rope_tables(model.model.rotary_emb)
        self._positions = torch.arange(slots.context_tokens + 1, device=self.device)

    def _layer(self, layer: Any) -> Layer:  # noqa: ANN401  transformers is untyped here
        attention, mlp = layer.self_attn, layer.mlp
        qkv, qkv_bias = _fuse(attention.q_proj, attention.k_proj, attention.v_proj)
        gate_up, gate_up_bias = _fuse(mlp.gate_proj, mlp.up_proj)
        tail = (2, self._kv_heads, self._head_size)
        return Layer(
            attention_norm=layer.input_layernorm.weight.detach(),
            qkv=qkv,
            qkv_bias=qkv_bias,
            out=attention.o_proj.weight.detach(),
            out_bias=_bias(attention.o_proj),
            mlp_norm=layer.post_attention_layernorm.weight.detach(),
            gate_up=gate_up,
            gate_up_bias=gate_up_bias,
            down=mlp.down_proj.weight.detach(),
            down_bias=_bias(mlp.down_proj),
            kv=self.slots.make(tail, self._dtype, self.device),
        )

    def _rope_tables(self, rotary: Any) -> tuple[Tensor, Tensor]:  # noqa: ANN401  untyped
        """Return cosines and sines [context + 1, 1, head size]; half of the sines are negated.

        With the sign in the table, rotating a half is a plain roll.
        """
        positions = torch.arange(self.slots.context_tokens + 1, device=self.device)
        cosine, sine = rotary(self._embedding, positions[None])
        signs = torch.ones(self._head_size, dtype=self._dtype, device=self.device)
        signs[: self._head_size // 2] = -1.0
        return cosine[0, :, None], (sine[0] * signs)[:, None]

    def hidden(self, chunks: list[Chunk]) -> Tensor:
        """Run the chunks and return [outputs, hidden], in the order of ``chunks``."""
        step = self._prepare(chunks)

        def attend(kv: Tensor, queries: Tensor) -> Tensor:
            parts = [self._attend_group(kv, queries, group) for group in step.groups]
            return parts[0] if len(parts) == 1 else torch.cat(parts)

        x = self.through_layers(step.token_ids, step.kv_cells, step.positions, attend)
        return self.final_norm(x[step.outputs])

    def through_layers(
        self, token_ids: Tensor, kv_cells: Tensor, positions: Tensor, attend: Attend
    ) -> Tensor:
        """Return [tokens, hidden] before the last norm; everything given is [tokens]."""
        cosine, sine = self._cosine[positions], self._sine[positions]
        x = functional.embedding(token_ids, self._embedding)
        for layer in self._layers:
            qkv = self._qkv(layer, x, cosine, sine)
            flat = layer.kv.view(-1, 2 * self._kv_heads, self._head_size)
            flat.index_copy_(0, kv_cells, qkv[:, self._heads :])
            mixed = attend(layer.kv, qkv[:, : self._heads])
            x = x + functional.linear(mixed, layer.out, layer.out_bias)
            x = self._think(layer, x)
        return x

    def final_norm(self, x: Tensor) -> Tensor:
        return self._rms_norm(x, self._norm)

    def scores(self, hidden: Tensor) -> Tensor:
        """Return the logits [outputs, vocabulary] of what ``hidden`` returned."""
        return functional.linear(hidden, self._head)

    def _rms_norm(self, x: Tensor, weight: Tensor) -> Tensor:
        return functional.rms_norm(x, (x.shape[-1],), weight, self._epsilon)

    def _qkv(self, layer: Layer, x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
        """Return queries, keys and values [tokens, all heads, size], the first two turned."""
        normed = self._rms_norm(x, layer.attention_norm)
        qkv = functional.linear(normed, layer.qkv, layer.qkv_bias)
        qkv = qkv.view(x.shape[0], self._heads + 2 * self._kv_heads, self._head_size)
        turned = qkv[:, : self._heads + self._kv_heads]
        rolled = turned.roll(self._head_size // 2, -1)
        turned.mul_(cosine).addcmul_(rolled, sine)
        return qkv

    def _attend_group(self, kv: Tensor, queries: Tensor, part: AttentionGroup) -> Tensor:
        """Return the group's mixed values [tokens, heads x head size], in flat order."""
        group = part.group
        rows, num_query, size = group.num_rows, group.num_query, self._head_size
        queries = queries[group.first_token : group.first_token + group.num_tokens]
        if part.cells is not None:
            padded = queries.new_zeros(rows * num_query, self._heads, size)
            queries = padded.index_copy_(0, part.cells, queries)
        shared = self._heads // self._kv_heads
        stacked = queries.view(rows, num_query, self._kv_heads, shared, size).transpose(1, 2)
        stacked = stacked.reshape(rows, self._kv_heads, num_query * shared, size)
        cached = kv[group.first_slot : group.first_slot + rows, : group.num_keys]
        mixed = functional.scaled_dot_product_attention(
            stacked, cached[:, :, 0].transpose(1, 2), cached[:, :, 1].transpose(1, 2), part.mask
        )
        mixed = mixed.view(rows, self._kv_heads, num_query, shared, size).transpose(1, 2)
        mixed = mixed.reshape(rows * num_query, self._heads * size)
        return mixed if part.cells is None else mixed[part.cells]

    def _think(self, layer: Layer, x: Tensor) -> Tensor:
        normed = self._rms_norm(x, layer.mlp_norm)
        gate, up = functional.linear(normed, layer.gate_up, layer.gate_up_bias).chunk(2, -1)
        return x + functional.linear(functional.silu(gate) * up, layer.down, layer.down_bias)

    def _prepare(self, chunks: list[Chunk]) -> Step:
        ordered = in_attention_order(chunks)
        positions: list[int] = []
        kv_cells: list[int] = []
        stops: dict[int, int] = {}
        for chunk in ordered:
            first_cell = chunk.slot * (self.slots.context_tokens + 1)
            positions += range(chunk.start, chunk.stop)
            kv_cells += range(first_cell + chunk.start, first_cell + chunk.stop)
            stops[chunk.slot] = len(positions)
        outputs = [
            cell
            for chunk in chunks
            for cell in range(stops[chunk.slot] - chunk.num_outputs, stops[chunk.slot])
        ]
        return Step(
            token_ids=self._tensor([t for chunk in ordered for t in chunk.token_ids]),
            kv_cells=self._tensor(kv_cells),
            positions=self._tensor(positions),
            groups=[self._attention_group(group) for group in groups_of(ordered)],
            outputs=self._tensor(outputs),
        )

    def _attention_group(self, group: Group) -> AttentionGroup:
        cells = None if group.cells is None else self._tensor(group.cells)
        return AttentionGroup(group, cells, self._mask(group))

    def _mask(self, group: Group) -> Tensor | None:
        if group.num_rows == group.num_query == 1:
            return None
        last_seen = [[0] * group.num_query for _ in range(group.num_rows)]
        for chunk in group.chunks:
            row = last_seen[chunk.slot - group.first_slot]
            row[: len(chunk.token_ids)] = range(chunk.start, chunk.stop)
        seen = self._positions[: group.num_keys] <= self._tensor(last_seen)[:, :, None]
        mask = torch.zeros(seen.shape, dtype=self._dtype, device=self.device)
        mask.masked_fill_(~seen, float("-inf"))
        return mask.repeat_interleave(self._heads // self._kv_heads, dim=1)[:, None]

    def _tensor(self, numbers: list[int] | list[list[int]]) -> Tensor:
        return torch.tensor(numbers, dtype=torch.long, device=self.device)
