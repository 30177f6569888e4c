"""Our own forward pass for Llama-shaped models, over the weights that transformers loaded.

How it works: all tokens of a step lie flat in one [tokens, hidden] table, so no projection ever
sees padding; only attention groups rows (see ``batch``, ``attention``). Query, key and value come
from one product, gate and up from another (see ``linears``).
"""

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final, Self

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from planner_node.engine.attention import Heads, PrefixViews, StepAttention
from planner_node.engine.batch import Chunk, in_attention_order
from planner_node.engine.kv_cache import KvSlots
from planner_node.engine.linears import (
    INT8,
    KNOWN,
    Int8Product,
    Linear,
    int8_product,
    linear_of,
    quantized_head,
)
from planner_node.engine.norm import RmsNorm
from planner_node.engine.plain import head_linear

FAMILIES: Final = frozenset({"llama", "mistral", "qwen2"})
# Angles that depend on the position alone; others change with the length of the sequence.
FIXED_ROPE: Final = frozenset({"default", "linear", "llama3"})

# (index of the layer, its product [tokens, all heads, size]) → [tokens, query heads x size]
Attend = Callable[[int, Tensor], Tensor]


@dataclass(frozen=True, slots=True)
class Layer:
    """The weights of one layer."""

    attention_norm: RmsNorm
    qkv: Linear
    out: Linear
    mlp_norm: RmsNorm
    gate_up: Linear
    down: Linear


@dataclass(frozen=True, slots=True)
class Step:
    """The tensors of one forward pass, shared by all layers; [tokens] but for the outputs."""

    token_ids: Tensor
    kv_cells: Tensor  # where in the flattened cache each token's key and value go
    positions: Tensor
    outputs: Tensor


def is_llama_shaped(model: Any) -> bool:  # noqa: ANN401  transformers is untyped here
    """Whether ``LlamaForward`` computes what this model computes.

    Adapters, several devices, sliding windows and unusual rope go through transformers instead.
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
    dtypes = {p.dtype for p in model.parameters() if p.is_floating_point()}
    devices = {p.device for p in model.parameters()}
    linears = [m for layer in model.model.layers for m in layer.modules() if _is_projection(m)]
    kinds = {type(linear).__name__ for linear in linears}
    known = len(linears) == 7 * len(model.model.layers) and len(kinds) == 1 and kinds <= KNOWN
    return known and type(model.lm_head) is nn.Linear and len(dtypes) == len(devices) == 1


def _is_projection(module: nn.Module) -> bool:
    return hasattr(module, "in_features")


class LlamaForward:
    """Runs steps of a Llama-shaped model over its cache slots."""

    def __init__(
        self,
        model: Any,  # noqa: ANN401  transformers is untyped here
        slots: KvSlots,
        int8: Int8Product = int8_product,
    ) -> None:
        config = model.config
        self._int8 = int8
        self.vocabulary_tokens: int = model.lm_head.out_features
        self.embedding: Tensor = model.model.embed_tokens.weight.detach()
        self.device = self.embedding.device
        self.dtype = self.embedding.dtype
        size: int = model.model.layers[0].self_attn.head_dim
        self.heads = Heads(config.num_attention_heads, config.num_key_value_heads, size)
        self._norm = RmsNorm(model.model.norm.weight, config.rms_norm_eps)
        self._layers = [self._layer(layer, config.rms_norm_eps) for layer in model.model.layers]
        self._head = _head(model)
        self._take(slots)
        self.rope = self._rope_tables(model.model.rotary_emb)

    def beside(self, slots: KvSlots) -> Self:
        """Return a forward over the same weights and as much context, with slots of its own."""
        other = copy(self)
        other._take(slots)  # noqa: SLF001  of its own kind
        return other

    def _take(self, slots: KvSlots) -> None:
        """Make the caches: [rows, context + 1, 2, key heads, size] of each layer."""
        tail = (2, self.heads.keys, self.heads.size)
        self.slots = slots
        self.kv = slots.make_layers(len(self._layers), tail, self.dtype, self.device)
        self._kv_cells = self.kv.view(len(self._layers), -1, 2 * self.heads.keys, self.heads.size)
        self._prefixes = PrefixViews()

    def _layer(self, layer: Any, epsilon: float) -> Layer:  # noqa: ANN401  untyped
        attention, mlp = layer.self_attn, layer.mlp
        return Layer(
            attention_norm=RmsNorm(layer.input_layernorm.weight, epsilon),
            qkv=linear_of(attention.q_proj, attention.k_proj, attention.v_proj, int8=self._int8),
            out=linear_of(attention.o_proj, int8=self._int8),
            mlp_norm=RmsNorm(layer.post_attention_layernorm.weight, epsilon),
            gate_up=linear_of(mlp.gate_proj, mlp.up_proj, int8=self._int8),
            down=linear_of(mlp.down_proj, int8=self._int8),
        )

    def _rope_tables(self, rotary: Any) -> tuple[Tensor, Tensor]:  # noqa: ANN401  untyped
        """Return cosines and sines [context + 1, 1, head size]; half of the sines are negated.

        With the sign in the table, rotating a half is a plain roll.
        """
        positions = torch.arange(self.slots.context_tokens + 1, device=self.device)
        cosine, sine = rotary(self.embedding, positions[None])
        signs = torch.ones(self.heads.size, dtype=self.dtype, device=self.device)
        signs[: self.heads.size // 2] = -1.0
        return cosine[0, :, None], (sine[0] * signs)[:, None]

    def hidden(self, chunks: list[Chunk]) -> Tensor:
        """Run the chunks and return [outputs, hidden], in the order of ``chunks``."""
        ordered = in_attention_order(chunks)
        step = self._prepare(chunks, ordered)
        attend = StepAttention(ordered, self.heads, self.kv, self._prefixes)
        x = self.through_layers(step.token_ids, step.kv_cells, step.positions, attend, step.outputs)
        return self.final_norm(x)

    def through_layers(
        self,
        token_ids: Tensor,
        kv_cells: Tensor,
        positions: Tensor,
        attend: Attend,
        outputs: Tensor | None = None,
    ) -> Tensor:
        """Return [tokens, hidden] before the last norm; the first three given are [tokens].

        With ``outputs`` it is [outputs, hidden], the rows of these tokens: behind the last layer's
        attention the others have nothing more to say.
        """
        cosine, sine = (table[positions] for table in self.rope)
        x = functional.embedding(token_ids, self.embedding)
        for index, layer in enumerate(self._layers):
            qkv = self._qkv(layer, x, cosine, sine)
            self._kv_cells[index].index_copy_(0, kv_cells, qkv[:, self.heads.queries :])
            if outputs is not None and layer is self._layers[-1]:
                if not outputs.numel():
                    return x[:0]
                return _mixed(layer, x[outputs], attend(index, qkv)[outputs])
            x = _mixed(layer, x, attend(index, qkv))
        return x

    def final_norm(self, x: Tensor) -> Tensor:
        return self._norm(x)

    def scores(self, hidden: Tensor) -> Tensor:
        """Return the logits [outputs, vocabulary] of what ``hidden`` returned."""
        return self._head(hidden)

    def products(self) -> list[Linear]:
        """Return all products: four of each layer in the order of ``Layer``, then the head's."""
        layers = [(one.qkv, one.out, one.gate_up, one.down) for one in self._layers]
        return [*chain.from_iterable(layers), self._head]

    def norms(self) -> list[RmsNorm]:
        """Return all norms: two of each layer, then the last."""
        layers = [(one.attention_norm, one.mlp_norm) for one in self._layers]
        return [*chain.from_iterable(layers), self._norm]

    def _qkv(self, layer: Layer, x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
        """Return queries, keys and values [tokens, all heads, size], the first two turned."""
        heads = self.heads
        qkv = layer.qkv(layer.attention_norm(x))
        qkv = qkv.view(x.shape[0], heads.queries + 2 * heads.keys, heads.size)
        turned = qkv[:, : heads.queries + heads.keys]
        rolled = turned.roll(heads.size // 2, -1)
        turned.mul_(cosine).addcmul_(rolled, sine)
        return qkv

    def _prepare(self, chunks: list[Chunk], ordered: list[Chunk]) -> Step:
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
        token_ids = [token_id for chunk in ordered for token_id in chunk.token_ids]
        count = len(token_ids)
        numbers = np.array(token_ids + kv_cells + positions + outputs, np.int64)
        everything = torch.from_numpy(numbers).to(self.device)  # much faster than torch.tensor
        return Step(*torch.split(everything, [count, count, count, len(outputs)]))


def _mixed(layer: Layer, x: Tensor, attended: Tensor) -> Tensor:
    """Return what a layer makes of its input and of the result of its attention."""
    x = layer.out.add_to(x, attended)
    gate, up = layer.gate_up(layer.mlp_norm(x)).chunk(2, -1)
    return layer.down.add_to(x, functional.silu(gate).mul_(up))


def _head(model: Any) -> Linear:  # noqa: ANN401  transformers is untyped here
    """Return the last product; int8 as well where the layers are, on a CPU.

    For any number of rows: another head for many would make a row's text depend on its neighbours.
    """
    weight = model.lm_head.weight.detach()
    is_int8 = type(model.model.layers[0].mlp.down_proj).__name__ == INT8
    if is_int8 and weight.device.type == "cpu":
        return quantized_head(weight)
    return head_linear(weight)
