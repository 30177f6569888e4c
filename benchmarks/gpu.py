"""An 8B Llama on one GPU: the share of the memory's speed that a step uses, and plans a second.

    python -m benchmarks.gpu                        # the shape of Llama 3.1 8B, bf16 and int8
    python -m benchmarks.gpu --layers 2 --rows 1 4  # smaller, to see that everything runs

The weights are random: every product has its real size, and no download is needed. A single row
reads every weight once a step, so weights ÷ time is the speed that matters, beside the speed of a
plain copy measured on the same device. ``benchmarks/results/gpu.json`` keeps what came out.
"""

import planner_node.engine  # noqa: F401  isort: skip  before torch: sets how its threads wait

import argparse
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any, Final

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from benchmarks.machine import describe
from benchmarks.model_b import config as small_config
from benchmarks.plan_requests import Workload
from benchmarks.results import command_of, keep
from planner_node.engine.assembly import forward_of
from planner_node.engine.batch import Chunk
from planner_node.engine.core import Engine
from planner_node.engine.limits import EngineLimits
from planner_node.engine.loading import LoadedModel
from planner_node.engine.model import Forward
from tests.fakes.tokenizer import LLAMA_31_STOPS, llama_31_tokenizer

CONTEXT_TOKENS: Final = 2_048
PROMPT_TOKENS: Final = 500
COPY_BYTES: Final = 1 << 31
STEPS: Final = 100


@dataclass(frozen=True, slots=True)
class Speed:
    """One setting's figures; ``share`` is of the measured speed of a copy."""

    precision: str
    weight_bytes: int
    step_ms: float
    weights_gb_s: float
    share: float
    plans_per_s: dict[int, float]


def shape(layers: int) -> LlamaConfig:
    """Return Llama 3.1 8B's shape, cut to some layers."""
    made = small_config()
    made.update(
        {
            "hidden_size": 4_096,
            "intermediate_size": 14_336,
            "num_hidden_layers": layers,
            "num_attention_heads": 32,
            "num_key_value_heads": 8,
            "head_dim": 128,
            "max_position_embeddings": CONTEXT_TOKENS,
            "tie_word_embeddings": False,
        }
    )
    return made


def random_model(layers: int, device: torch.device) -> LlamaForCausalLM:
    """Make the weights on the device: eight billion numbers are slow to draw on a CPU."""
    with torch.device(device):
        torch.set_default_dtype(torch.bfloat16)
        model = LlamaForCausalLM(shape(layers)).eval()
        torch.set_default_dtype(torch.float32)
    return model.requires_grad_(requires_grad=False)


def quantized(model: LlamaForCausalLM) -> LlamaForCausalLM:
    """Turn the layers' products into bitsandbytes' int8 in place, as loading with int8 does."""
    from bitsandbytes.nn import Int8Params, Linear8bitLt  # noqa: PLC0415  slow to import

    for layer in model.model.layers:
        for block in (layer.self_attn, layer.mlp):
            for name, linear in list(block.named_children()):
                if not isinstance(linear, torch.nn.Linear):
                    continue
                eight = Linear8bitLt(
                    linear.in_features, linear.out_features, bias=False, has_fp16_weights=False
                )
                weight = linear.weight.data.half().cpu()
                eight.weight = Int8Params(weight, requires_grad=False, has_fp16_weights=False)
                setattr(block, name, eight.to(linear.weight.device))
    return model


def as_loaded(model: LlamaForCausalLM, quantization: str) -> LoadedModel:
    return LoadedModel(
        id=f"random-8b-{quantization}",
        model=model,
        tokenizer=llama_31_tokenizer(),
        vocabulary_tokens=model.config.vocab_size,
        eos_token_ids=frozenset(LLAMA_31_STOPS),
        context_tokens=CONTEXT_TOKENS,
        dtype="bfloat16",
        quantization=quantization,
        device=str(model.device),
        memory_bytes=model.get_memory_footprint(),
    )


def copy_gb_s(device: torch.device) -> float:
    """Return how fast a plain copy reads and writes, in GB/s."""
    source = torch.empty(COPY_BYTES, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    took_s = seconds(lambda: target.copy_(source), device, rounds=10)
    return 2 * COPY_BYTES / took_s / 1e9


def seconds(call: Callable[[], object], device: torch.device, rounds: int) -> float:
    """Return the median time of a call, the device's work included."""
    times = []
    for _ in range(rounds + 2):
        begun_s = time.perf_counter()
        call()
        if device.type == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - begun_s)
    return median(times[2:])


@torch.inference_mode()
def step_s(forward: Forward, device: torch.device) -> float:
    """Return the time of one forward of one row, its scores included."""
    forward.hidden([Chunk(0, 0, list(range(PROMPT_TOKENS)), 1)])

    def step() -> torch.Tensor:
        return forward.scores(forward.hidden([Chunk(0, PROMPT_TOKENS, [7], 1)]))

    return seconds(step, device, STEPS)


def read_bytes(model: Any) -> int:  # noqa: ANN401  transformers is untyped here
    """Return what a step reads of the weights: all but the embedding, of which it reads a row."""
    return int(model.get_memory_footprint() - model.model.embed_tokens.weight.nbytes)


def plans_per_s(engine: Engine, work: Workload, rows: int) -> float:
    """Return the plans a second with ``rows`` requests at a time, after a round that warms up."""
    number = 0
    took_s = 0.0
    for _ in range(2):
        for _ in range(rows):
            engine.add(work.request(number))
            number += 1
        begun_s = time.perf_counter()
        while not engine.idle:
            engine.step()
        took_s = time.perf_counter() - begun_s
    return rows / took_s


def measure(
    model: LlamaForCausalLM, quantization: str, rows: list[int], copy_speed: float
) -> Speed:
    loaded = as_loaded(model, quantization)
    work = Workload(loaded, max_subtasks=4, max_chars=24)
    # Random weights say the same again and again: a guess from the last plan would always be right.
    limits = EngineLimits(rows=max(rows), context_tokens=CONTEXT_TOKENS, draft_tokens=0)
    forward = forward_of(loaded, limits)
    took_s = step_s(forward, model.device)
    engine = Engine(forward, limits)
    speed = read_bytes(model) / took_s / 1e9
    plans = {count: round(plans_per_s(engine, work, count), 2) for count in rows}
    return Speed(
        precision="bf16" if quantization == "none" else quantization,
        weight_bytes=read_bytes(model),
        step_ms=round(took_s * 1e3, 3),
        weights_gb_s=round(speed, 1),
        share=round(speed / copy_speed, 3),
        plans_per_s=plans,
    )


def main() -> None:
    asked = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    asked.add_argument("--layers", type=int, default=32, help="32 is the 8B model")
    asked.add_argument("--rows", type=int, nargs="+", default=[1, 8, 32])
    asked.add_argument("--device", default="cuda")
    options = asked.parse_args()
    device = torch.device(options.device)
    copy_speed = copy_gb_s(device)
    print(f"a copy: {copy_speed:,.0f} GB/s")
    model = random_model(options.layers, device)
    found = [measure(model, "none", options.rows, copy_speed)]
    print(found[-1], flush=True)
    found.append(measure(quantized(model), "int8", options.rows, copy_speed))
    print(found[-1], flush=True)
    name = torch.cuda.get_device_name() if device.type == "cuda" else "no GPU"
    keep(
        "gpu",
        {
            "command": command_of("benchmarks.gpu"),
            "device": name,
            "machine": describe(),
            "copy_gb_s": round(copy_speed, 1),
            "settings": [asdict(one) for one in found],
        },
    )


if __name__ == "__main__":
    main()
