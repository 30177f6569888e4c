"""Smaller weights inside a larger network that computes the same: what training then goes on from.

After Net2Net (Chen, Goodfellow and Shlens 2016): channels, heads, neurons and layers are added so
that nothing they make is heard at first. What reads them is random and what they write is zero,
which leaves every added weight a gradient.
"""

import torch
from transformers import LlamaForCausalLM

from planner_node.training.network import Shape

Tensor = torch.Tensor
State = dict[str, Tensor]


class GrowthError(ValueError):
    """The larger network is not larger in every direction, or its heads have another size."""


def grown(earlier: LlamaForCausalLM, rows: Tensor, larger: LlamaForCausalLM) -> State:
    """The state of ``larger`` that computes what ``earlier`` does with ``rows`` as its embedding.

    ``rows`` is (vocabulary of larger, hidden of earlier). GrowthError where it cannot.
    """
    before, after = Shape.of(earlier.config), Shape.of(larger.config)
    _refuse_shrinking(before, after)
    own: State = earlier.state_dict()
    state: State = larger.state_dict()
    for number, kept in enumerate(_places(before.layers, after.layers)):
        prefix = f"model.layers.{number}."
        _layer(state, prefix, before, after)
        if kept is not None:
            _fill(state, prefix, own, f"model.layers.{kept}.", before, after)
    state["model.norm.weight"] = _norm(own["model.norm.weight"], after.hidden)
    embedding = rows.new_zeros(len(rows), after.hidden)
    embedding[:, : before.hidden] = rows
    state |= dict.fromkeys(("model.embed_tokens.weight", "lm_head.weight"), embedding)
    return state


def _refuse_shrinking(before: Shape, after: Shape) -> None:
    fits = (
        before.head_size == after.head_size
        and before.kv_heads == after.kv_heads
        and before.hidden <= after.hidden
        and before.layers <= after.layers
        and before.heads <= after.heads
        and before.feed_forward <= after.feed_forward
    )
    if not fits:
        raise GrowthError(f"{before} does not fit into {after}: ask for a shape at least as large")


def _places(before: int, after: int) -> list[int | None]:
    """For each layer of the larger network the one it continues; the added ones lie between."""
    added = after - before
    places: list[int | None] = []
    for number in range(before):
        places.append(number)
        between = (number + 1) * added // before - number * added // before
        places.extend([None] * between)
    return places


def _layer(state: State, prefix: str, before: Shape, after: Shape) -> None:
    """Silence a layer: it adds nothing, and hears the stream as loud as it was."""
    for name in ("self_attn.o_proj.weight", "mlp.down_proj.weight"):
        state[prefix + name] = torch.zeros_like(state[prefix + name])
    for name in ("input_layernorm.weight", "post_attention_layernorm.weight"):
        state[prefix + name] = state[prefix + name] * (before.hidden / after.hidden) ** 0.5


def _fill(state: State, prefix: str, own: State, old: str, before: Shape, after: Shape) -> None:
    heads = _head_rows(before, after)
    channels = torch.arange(before.hidden)
    neurons = torch.arange(before.feed_forward)
    shared = torch.arange(before.kv_heads * before.head_size)
    for name, rows, columns in (
        ("self_attn.q_proj", heads, channels),
        ("self_attn.k_proj", shared, channels),
        ("self_attn.v_proj", shared, channels),
        ("self_attn.o_proj", channels, heads),
        ("mlp.gate_proj", neurons, channels),
        ("mlp.up_proj", neurons, channels),
        ("mlp.down_proj", channels, neurons),
    ):
        state[f"{prefix}{name}.weight"][rows[:, None], columns] = own[f"{old}{name}.weight"]
    for name in ("input_layernorm.weight", "post_attention_layernorm.weight"):
        state[prefix + name] = _norm(own[old + name], after.hidden)


def _head_rows(before: Shape, after: Shape) -> Tensor:
    """Where the rows of the earlier heads lie: each stays with its key-value head."""
    group, wider = before.heads // before.kv_heads, after.heads // after.kv_heads
    places = [head // group * wider + head % group for head in range(before.heads)]
    starts = torch.tensor(places)[:, None] * before.head_size
    return (starts + torch.arange(before.head_size)).flatten()


def _norm(weight: Tensor, hidden: int) -> Tensor:
    """Silent channels make the stream's mean square smaller: the weights make up for it."""
    padded: Tensor = weight.mean().repeat(hidden)
    padded[: len(weight)] = weight
    return padded.mul_((len(weight) / hidden) ** 0.5)
