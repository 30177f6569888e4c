"""What one core trains in a CPU second: transformers' forward pass and the training's own.

    python -m benchmarks.training_speed                # 12 batches each, in both precisions

One thread, forward and backward without the optimizer, the shipped tokenizer and the corpus of the
recipe; the first batch warms up. "Only looking" is the forward pass that tells what a run with
--focus learns from. Kept in benchmarks/results/training_speed.json.
"""

import argparse
import json
import time
from collections.abc import Callable, Sequence
from itertools import islice

import torch
from torch.nn import functional
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from benchmarks.machine import describe
from benchmarks.results import command_of, keep
from planner_node.completion.loading import EMBEDDED_FOLDER
from planner_node.training.batches import IGNORED, Batch, Part, Position, batches
from planner_node.training.forward import loss_of, losses_of
from planner_node.training.network import create
from planner_node.training.run import Recipe

Loss = Callable[[LlamaForCausalLM, Part, torch.dtype], torch.Tensor]
Pass = Callable[[LlamaForCausalLM, Part, torch.dtype], object]


def transformers_loss(model: LlamaForCausalLM, part: Part, precision: torch.dtype) -> torch.Tensor:
    """The same loss through transformers' own modules, under autocast for bfloat16."""
    with torch.autocast("cpu", torch.bfloat16, enabled=precision is torch.bfloat16):
        hidden = model.model(input_ids=part.ids, use_cache=False).last_hidden_state
        chosen = part.labels != IGNORED
        logits = model.lm_head(hidden[chosen])
    return functional.cross_entropy(logits.float(), part.labels[chosen], reduction="sum")


def learning(loss: Loss) -> Pass:
    """Forward and backward."""
    return lambda model, part, precision: torch.autograd.backward(loss(model, part, precision))


def tokens_a_cpu_second(
    model: LlamaForCausalLM, go: Pass, found: Sequence[Batch], precision: torch.dtype
) -> float:
    """Padding included, over all batches but the first."""
    began_s, tokens = time.process_time(), 0
    for number, batch in enumerate(found):
        for part in batch.parts:
            go(model, part, precision)
        model.zero_grad()
        if number == 0:
            began_s, tokens = time.process_time(), 0
        else:
            tokens += batch.tokens
    return tokens / (time.process_time() - began_s)


def main() -> None:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--batches", type=int, default=12)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    machine = describe(threads=1)
    recipe = Recipe()
    tokenizer = PreTrainedTokenizerFast.from_pretrained(EMBEDDED_FOLDER)
    source = batches(tokenizer, recipe.seed, Position(), recipe.size)
    found = list(islice(source, arguments.batches + 1))
    model = create(recipe.shape, tokenizer, recipe.seed)
    passes: dict[str, Pass] = {
        "transformers": learning(transformers_loss),
        "own": learning(loss_of),
        "own, only looking": losses_of,
    }
    speeds = {
        f"{name}, {precision}".replace("torch.", ""): round(
            tokens_a_cpu_second(model, go, found, precision)
        )
        for name, go in passes.items()
        for precision in (torch.float32, torch.bfloat16)
    }
    report = {
        "command": command_of("benchmarks.training_speed"),
        "machine": machine,
        "tokens_a_cpu_second": speeds,
    }
    print(json.dumps(report, indent=2))
    print(keep("training_speed", report))


if __name__ == "__main__":
    main()
