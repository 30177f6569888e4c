"""What each way of holding the weights costs in memory, gives in speed, and errs.

    python -m benchmarks.quantization FOLDER [--threads 2] [--keep quantization]

For each setting of ``model.quantization``: the bytes of the model, the milliseconds of a decoding
step for 1 and 16 rows in our forward pass, and how far the scores are from those of the same
weights in float32, ours beside bitsandbytes' own. Memory counts the weights as they are held,
with the head that our int8 adds.
"""

import planner_node.engine  # noqa: F401  isort: skip  before torch: sets how its threads wait

import argparse
import time
from statistics import median
from typing import Any, Final

import torch
from torch import Tensor

from benchmarks.machine import describe
from benchmarks.results import keep
from planner_node.engine.assembly import forward_of
from planner_node.engine.batch import Chunk
from planner_node.engine.limits import EngineLimits
from planner_node.engine.loading import Dtype, ModelSpec, Quantization, load
from planner_node.engine.model import Forward

ROWS: Final = (1, 16)
PROMPT_TOKENS: Final = 64
SETTINGS: Final[tuple[tuple[Dtype, Quantization], ...]] = (
    ("float32", "none"),
    ("bfloat16", "none"),
    ("bfloat16", "int8"),
    ("bfloat16", "nf4"),
)


def scores_of(forward: Forward, token_ids: list[int]) -> Tensor:
    """Return our scores [tokens, vocabulary] in float32."""
    chunk = Chunk(0, 0, token_ids, len(token_ids))
    return forward.scores(forward.hidden([chunk])).float().clone()


def step_ms(forward: Forward, rows: int, repeats: int = 15) -> float:
    """Return the median of a step of one token for each row."""
    times_s = []
    for _ in range(repeats):
        chunks = [Chunk(row, PROMPT_TOKENS, [5 + row], 1) for row in range(rows)]
        begun_s = time.perf_counter()
        forward.scores(forward.hidden(chunks))
        times_s.append(time.perf_counter() - begun_s)
    return round(1_000 * median(times_s[3:]), 2)


def error(found: Tensor, wanted: Tensor) -> float:
    """Return the length of the difference over the length of what is wanted."""
    return round(float((found - wanted).norm() / wanted.norm()), 4)


@torch.inference_mode()
def measure(
    folder: str, setting: tuple[Dtype, Quantization], wanted: Tensor | None, threads: int
) -> tuple[dict[str, Any], Tensor]:
    """Return the figures of a setting, and its scores."""
    dtype, quantization = setting
    loaded = load(ModelSpec(folder, dtype=dtype, quantization=quantization))
    torch.set_num_threads(threads)
    token_ids = [7 * n % loaded.vocabulary_tokens for n in range(PROMPT_TOKENS)]
    theirs = loaded.model(torch.tensor([token_ids])).logits[0].float()
    forward = forward_of(loaded, EngineLimits(max(ROWS), context_tokens=2 * PROMPT_TOKENS))
    # one token at a time is the way of few rows, which has a kernel of its own
    ours = torch.cat([scores_of(forward, token_ids[:1]), scores_of(forward, token_ids)[1:]])
    wanted = ours if wanted is None else wanted
    is_int8 = quantization == "int8"
    head_bytes = loaded.model.lm_head.weight.numel() if is_int8 else 0
    figures = {
        "dtype": dtype,
        "quantization": quantization,
        "mib": round((loaded.memory_bytes + head_bytes) / 2**20, 1),
        **{f"step_ms_{rows}_rows": step_ms(forward, rows) for rows in ROWS},
        "error": error(ours, wanted),
        "error_of_the_library": error(theirs, wanted),
    }
    return figures, ours


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    asked.add_argument("folder")
    asked.add_argument("--threads", type=int, default=2)
    asked.add_argument("--keep", help="write the report to benchmarks/results/KEEP.json")
    options = asked.parse_args()
    report: dict[str, Any] = {"machine": describe(options.threads), "settings": []}
    wanted: Tensor | None = None
    for setting in SETTINGS:
        figures, scores = measure(options.folder, setting, wanted, options.threads)
        wanted = scores if wanted is None else wanted
        report["settings"].append(figures)
        print(figures, flush=True)
    if options.keep:
        print(keep(options.keep, report))


if __name__ == "__main__":
    main()
