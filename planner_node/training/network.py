"""The network: a small Llama, and its optimizers."""

from dataclasses import dataclass

import torch
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from planner_node.training.gradients import Each
from planner_node.training.muon import Muon


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of the network; the defaults make about three million parameters."""

    hidden: int = 192
    layers: int = 6
    heads: int = 6
    kv_heads: int = 2
    feed_forward: int = 512

    @property
    def head_size(self) -> int:
        """Channels of one head."""
        return self.hidden // self.heads

    @classmethod
    def of(cls, config: LlamaConfig) -> "Shape":
        """The sizes of a network that is there."""
        return cls(
            config.hidden_size,
            config.num_hidden_layers,
            config.num_attention_heads,
            config.num_key_value_heads,
            config.intermediate_size,
        )


def create(shape: Shape, tokenizer: PreTrainedTokenizerFast, seed: int) -> LlamaForCausalLM:
    """A fresh network with weights drawn from ``seed``."""
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=-(-len(tokenizer) // 64) * 64,
        hidden_size=shape.hidden,
        intermediate_size=shape.feed_forward,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads,
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        attn_implementation="sdpa",
    )
    return LlamaForCausalLM(config)


def optimizers(
    model: LlamaForCausalLM, lr: float, precision: torch.dtype, each: Each = map
) -> list[torch.optim.Optimizer]:
    """Muon for the layers' matrices, in ``precision``; AdamW for the embedding and the norms."""
    matrices: list[torch.Tensor] = []
    others: list[torch.Tensor] = []
    for name, parameter in model.named_parameters():
        inside = ".layers." in name and parameter.ndim == 2
        (matrices if inside else others).append(parameter)
    adam = torch.optim.AdamW(others, lr=lr, betas=(0.9, 0.95), weight_decay=0.0, fused=True)
    return [Muon(matrices, lr=lr, precision=precision, each=each), adam]
