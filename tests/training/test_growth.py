"""A larger network goes on from what a smaller one has learned."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import LlamaForCausalLM

from planner_node.training.growth import GrowthError, grown
from planner_node.training.network import Shape, create, optimizers
from planner_node.training.tokenizer import load_or_build

SMALL = Shape(64, 3, 4, 2, 128)


def network(folder: Path, shape: Shape, seed: int = 3) -> LlamaForCausalLM:
    return create(shape, load_or_build(folder / "tokenizer", 3), seed)


def logits(model: LlamaForCausalLM, ids: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        found: torch.Tensor = model(ids).logits
    return found


def trained(folder: Path) -> LlamaForCausalLM:
    """A small network whose norms and matrices are no longer those of a fresh one."""
    model = network(folder, SMALL)
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(1 + torch.rand(weight.shape, generator=generator))
    return model


@pytest.mark.parametrize(
    "shape",
    [
        SMALL,
        replace(SMALL, layers=5),
        replace(SMALL, feed_forward=192),
        replace(SMALL, hidden=96, heads=6),
        Shape(128, 4, 8, 2, 256),
    ],
)
def test_the_larger_network_computes_the_same(folder: Path, shape: Shape) -> None:
    small = trained(folder)
    large = network(folder, shape, seed=4)
    large.load_state_dict(grown(small, small.get_input_embeddings().weight.detach(), large))
    ids = torch.randint(9, 300, (3, 40), generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(logits(large, ids), logits(small, ids), rtol=1e-3, atol=1e-3)


def test_what_was_added_learns(folder: Path) -> None:
    small, large = trained(folder), network(folder, Shape(96, 4, 6, 2, 192), seed=4)
    large.load_state_dict(grown(small, small.get_input_embeddings().weight.detach(), large))
    before = {name: weight.clone() for name, weight in large.named_parameters()}
    ids = torch.randint(9, 300, (3, 40), generator=torch.Generator().manual_seed(1))
    steppers = optimizers(large, 1e-3, torch.float32)
    for _ in range(3):
        torch.autograd.backward(large(ids, labels=ids).loss)
        for stepper in steppers:
            stepper.step()
        large.zero_grad()
    for name, weight in large.named_parameters():
        assert not torch.isclose(weight, before[name], rtol=0, atol=1e-9).all(dim=-1).any(), name


@pytest.mark.parametrize(
    "shape",
    [
        replace(SMALL, layers=2),
        replace(SMALL, feed_forward=64),
        replace(SMALL, hidden=96),  # heads of another size
        replace(SMALL, hidden=128, heads=8, kv_heads=4),
    ],
)
def test_what_does_not_fit_is_refused(folder: Path, shape: Shape) -> None:
    small, other = network(folder, SMALL), network(folder, shape)
    with pytest.raises(GrowthError, match="at least as large"):
        grown(small, small.get_input_embeddings().weight.detach(), other)
