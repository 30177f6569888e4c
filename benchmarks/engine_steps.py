"""How many steps a second the engine makes, alone and in a crowd, and what the loop costs on top.

    python -m benchmarks.engine_steps                       # a random 3 M Llama, one thread
    python -m benchmarks.engine_steps --model FOLDER --threads 2 --rows 1 8 32

Every row shares a prefix, is masked at every step and puts out the same number of tokens; the
first round warms up and is not shown.
"""

import planner_node.engine  # noqa: F401  isort: skip  before torch: sets how its threads wait

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM

from planner_node.engine.core import Engine
from planner_node.engine.kv_cache import KvSlots
from planner_node.engine.limits import EngineLimits
from planner_node.engine.llama import LlamaForward, is_llama_shaped
from planner_node.engine.loading import ModelSpec, load
from planner_node.engine.model import TransformersForward
from planner_node.engine.request import Request

PREFIX_TOKENS = 400
NEW_TOKENS = 100
ROUNDS = 3


class AnyToken:
    """A constraint that is filled and read at every step and forbids nothing but id 0."""

    done = False

    def forced(self) -> list[int]:
        return []

    def fill(self, mask: memoryview) -> None:
        np.asarray(mask)[:] = -2

    def legal(self, token_id: int) -> bool:
        return token_id != 0

    def accept(self, token_id: int) -> None:
        pass

    def rollback(self, num_tokens: int) -> None:
        pass


class Timed:
    """Adds up the seconds spent inside a function."""

    def __init__(self, call: Callable[[Any], Tensor]) -> None:
        self._call = call
        self.total_s = 0.0

    def __call__(self, argument: Any) -> Tensor:  # noqa: ANN401  passes it on
        begun_s = time.perf_counter()
        result = self._call(argument)
        self.total_s += time.perf_counter() - begun_s
        return result


def random_model() -> LlamaForCausalLM:
    """Return a Llama of the embedded planner model's size."""
    shape = LlamaConfig(
        vocab_size=4096,
        hidden_size=192,
        intermediate_size=512,
        num_hidden_layers=6,
        num_attention_heads=6,
        num_key_value_heads=2,
    )
    return LlamaForCausalLM(shape).eval()


def measure(model: Any, rows: int, *, own_forward: bool) -> str:  # noqa: ANN401  transformers is untyped
    slots = KvSlots(rows, PREFIX_TOKENS + NEW_TOKENS + 8)
    forward = LlamaForward(model, slots) if own_forward else TransformersForward(model, slots)
    hidden, scores = Timed(forward.hidden), Timed(forward.scores)
    forward.hidden, forward.scores = hidden, scores  # type: ignore[method-assign]  # listens only
    engine = Engine(forward, EngineLimits(rows=rows, context_tokens=slots.context_tokens))
    prefix = tuple(3 + n % 200 for n in range(PREFIX_TOKENS))
    line = ""
    for _ in range(ROUNDS):
        hidden.total_s = scores.total_s = 0.0
        for row in range(rows):
            prompt = (*prefix, 3 + row)
            engine.add(Request(str(row), prompt, PREFIX_TOKENS, NEW_TOKENS, constraint=AnyToken()))
        begun_s, begun_cpu_s, first_s = time.perf_counter(), time.process_time(), 0.0
        while not engine.idle:
            events = engine.step()
            first_s = first_s or (time.perf_counter() - begun_s if events else 0.0)
        wall_s = time.perf_counter() - begun_s
        cpu_s = time.process_time() - begun_cpu_s
        on_top = 1 - (hidden.total_s + scores.total_s) / wall_s
        line = (
            f"{type(forward).__name__:20} {rows:4} rows  {NEW_TOKENS / wall_s:7.0f} steps/s  "
            f"({NEW_TOKENS / cpu_s:5.0f} per CPU second)  "
            f"{rows * NEW_TOKENS / wall_s:7.0f} tokens/s  first token {first_s * 1000:6.1f} ms  "
            f"loop on top {on_top:5.1%}"
        )
    return line


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--model", help="a checkpoint folder or hub id; else a random 3 M Llama")
    asked.add_argument("--threads", type=int, default=1)
    asked.add_argument("--rows", type=int, nargs="+", default=[1, 4, 16, 32])
    options = asked.parse_args()
    torch.set_num_threads(options.threads)
    model = load(ModelSpec(options.model)).model if options.model else random_model()
    torch.set_num_threads(options.threads)
    millions = sum(parameter.numel() for parameter in model.parameters()) / 1e6
    print(f"{millions:.1f} M parameters, {model.dtype}, {torch.get_num_threads()} threads")
    for own_forward in [True, False] if is_llama_shaped(model) else [False]:
        for rows in options.rows:
            print(measure(model, rows, own_forward=own_forward), flush=True)


if __name__ == "__main__":
    main()
