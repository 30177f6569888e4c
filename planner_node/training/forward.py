"""The training's forward pass over a ``LlamaForCausalLM``'s own weights, and the loss on answers.

The same function as transformers' (a test compares values and gradients), made for short rows:
products in bfloat16 where the processor has them, a residual stream in float32, keys shared
between heads without copies, and a last layer that works only where an answer is predicted.
"""

from functools import cache
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from transformers import LlamaForCausalLM
from transformers.models.llama.modeling_llama import LlamaDecoderLayer, LlamaRMSNorm

from planner_node.training.batches import IGNORED, Part
from planner_node.training.kernels import Attention, Gate, Heads, Norm, Places, Surprise, loss_rows

Tensor = torch.Tensor


def loss_of(model: LlamaForCausalLM, part: Part, precision: torch.dtype) -> Tensor:
    """Summed cross entropy over the answers' tokens of one part; products run in ``precision``."""
    state, expected, _ = _predicting(model, part, precision)
    weight = model.model.embed_tokens.weight
    loss: Tensor = Surprise.apply(state, weight, expected)  # type: ignore[no-untyped-call]
    return loss


@torch.no_grad()
def losses_of(model: LlamaForCausalLM, part: Part, precision: torch.dtype) -> Tensor:
    """Summed cross entropy of each row's answer, (rows); no gradient is kept."""
    state, expected, chosen = _predicting(model, part, precision)
    matrix, at_once = model.model.embed_tokens.weight.to(precision), loss_rows(state.device)
    losses = [
        functional.cross_entropy(functional.linear(block, matrix).float(), right, reduction="none")
        for block, right in zip(
            torch.split(state, at_once), torch.split(expected, at_once), strict=True
        )
    ]
    rows, tokens = part.ids.shape
    return torch.zeros(rows, device=state.device).index_add(0, chosen // tokens, torch.cat(losses))


def _predicting(
    model: LlamaForCausalLM, part: Part, precision: torch.dtype
) -> tuple[Tensor, Tensor, Tensor]:
    """States, labels and places (all rows counted through) of the tokens that predict an answer."""
    device = model.model.embed_tokens.weight.device
    flat = part.labels.flatten()
    places = torch.nonzero(flat != IGNORED).squeeze(1)  # before it is sent: a GPU is not waited for
    chosen = _sent(places, device)
    state = _last_hidden(model, _sent(part.ids, device), chosen, precision)
    return state, _sent(flat[places], device), chosen


def _sent(made: Tensor, device: torch.device) -> Tensor:
    if made.device == device:
        return made
    return made.pin_memory().to(device, non_blocking=True)


def _last_hidden(
    model: LlamaForCausalLM, ids: Tensor, chosen: Tensor, precision: torch.dtype
) -> Tensor:
    """Normed states (chosen, hidden) in ``precision``; ``chosen`` counts through all rows."""
    config: Any = model.config
    heads = Heads(config.num_attention_heads, config.num_key_value_heads, config.head_dim)
    theta = float(config.rope_parameters["rope_theta"])
    places = _places(ids.shape[1], heads, theta, precision, ids.device)
    x = functional.embedding(ids, model.model.embed_tokens.weight)
    *layers, last = model.model.layers
    for layer in layers:
        x = _fed(layer, x + _attended(layer, x, heads, places, precision), precision)
    attended = _attended(last, x, heads, places, precision, chosen)
    x = _fed(last, x.flatten(0, 1).index_select(0, chosen) + attended, precision)
    return _normed(model.model.norm, x, precision)


def _attended(
    layer: LlamaDecoderLayer,
    x: Tensor,
    heads: Heads,
    places: Places,
    precision: torch.dtype,
    chosen: Tensor | None = None,
) -> Tensor:
    """What the attention adds, for all positions or the ``chosen`` ones."""
    normed = _normed(layer.input_layernorm, x, precision)
    own = layer.self_attn
    packed = _product(normed, precision, own.q_proj, own.k_proj, own.v_proj)
    mixed: Tensor = Attention.apply(packed, heads, places)  # type: ignore[no-untyped-call]
    if chosen is not None:
        mixed = mixed.flatten(0, 1).index_select(0, chosen)
    return _product(mixed, precision, own.o_proj)


def _fed(layer: LlamaDecoderLayer, x: Tensor, precision: torch.dtype) -> Tensor:
    """``x`` with what the feed-forward part adds."""
    normed = _normed(layer.post_attention_layernorm, x, precision)
    both = _product(normed, precision, layer.mlp.gate_proj, layer.mlp.up_proj)
    gated: Tensor = Gate.apply(both)  # type: ignore[no-untyped-call]
    return x + _product(gated, precision, layer.mlp.down_proj)


def _normed(norm: LlamaRMSNorm, x: Tensor, precision: torch.dtype) -> Tensor:
    normed: Tensor = Norm.apply(x, norm.weight, norm.variance_epsilon, precision)  # type: ignore[no-untyped-call]
    return normed


def _product(x: Tensor, precision: torch.dtype, *modules: nn.Linear) -> Tensor:
    """``x`` through the modules' matrices side by side, as one product."""
    weight = torch.cat([module.weight for module in modules]).to(precision)
    return functional.linear(x, weight)


@cache
def _places(
    tokens: int, heads: Heads, theta: float, precision: torch.dtype, device: torch.device
) -> Places:
    inverse = theta ** -(torch.arange(0, heads.size, 2, device=device).float() / heads.size)
    angle = torch.arange(tokens, device=device).float()[:, None, None] * inverse
    later = torch.full((tokens, tokens), float("-inf"), device=device, dtype=precision).triu(1)
    return Places(angle.cos().to(precision), angle.sin().to(precision), later)


def precision_for(device: str) -> torch.dtype:
    """bfloat16 where the device multiplies it in hardware, else float32."""
    if device.startswith("cuda"):
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    able = torch.cpu.get_capabilities()
    fast = able.get("avx512_bf16") or able.get("amx_bf16")
    return torch.bfloat16 if fast else torch.float32
