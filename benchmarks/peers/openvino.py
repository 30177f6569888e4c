"""OpenVINO GenAI's continuous batching, prefix caching on, our language as an EBNF grammar."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import openvino_genai as genai

from benchmarks.peers.protocol import (
    Job,
    News,
    Options,
    Reader,
    Workload,
    serve,
    weights_name,
)

# Weights as they are exported, and what the products are computed in.
PRECISIONS = {"fp32": ("fp32", "f32"), "bf16": ("fp16", "bf16"), "int8": ("int8", "bf16")}
CACHE_GIB = 1


def export(model: str, weights: str, target: Path) -> Path:
    """Convert a checkpoint and its tokenizer, as OpenVINO's guide says; keep what is there."""
    if not (target / "openvino_detokenizer.xml").is_file():  # written last
        from openvino_tokenizers import convert_tokenizer  # noqa: PLC0415  rarely needed
        from optimum.exporters.openvino import main_export  # noqa: PLC0415  needs torch
        from optimum.intel import OVConfig  # noqa: PLC0415
        from transformers import AutoTokenizer  # noqa: PLC0415

        int8 = {"quantization_config": {"bits": 8, "sym": True}}
        config = OVConfig(**int8) if weights == "int8" else OVConfig(dtype=weights)
        main_export(model, target, task="text-generation-with-past", ov_config=config)
        tokenizer = AutoTokenizer.from_pretrained(model)
        pair = convert_tokenizer(tokenizer, with_detokenizer=True)
        for name, part in zip(("tokenizer", "detokenizer"), pair, strict=True):
            ov.save_model(part, target / f"openvino_{name}.xml")
    return target


class OpenVino:
    """Calls ``step`` and reads every handle that has something."""

    def __init__(self, workload: Workload, options: Options) -> None:
        weights, computed = PRECISIONS[options.precision]
        folder = options.folder / f"openvino-{weights_name(workload.model)}-{weights}"
        scheduler = genai.SchedulerConfig()
        scheduler.enable_prefix_caching = True
        scheduler.cache_size = CACHE_GIB
        scheduler.max_num_seqs = options.rows
        self._workload = workload
        self._reader = Reader(workload.token_texts)
        self._handles: dict[int, Any] = {}
        self._tokens: dict[int, int] = {}
        self._pipeline = genai.ContinuousBatchingPipeline(
            str(export(workload.model, weights, folder)),
            scheduler,
            "CPU",
            {"INFERENCE_PRECISION_HINT": computed, "INFERENCE_NUM_THREADS": options.threads},
        )

    def add(self, job: Job) -> None:
        ids = np.array([job.token_ids], dtype=np.int64)
        handle = self._pipeline.add_request(job.number, ov.Tensor(ids), self._generation())
        self._handles[job.number] = handle
        self._tokens[job.number] = 0

    def step(self) -> list[News]:
        self._pipeline.step()
        seen_s = time.perf_counter()
        return [
            self._news(number, handle, seen_s)
            for number, handle in list(self._handles.items())
            if handle.can_read()
        ]

    def _generation(self) -> genai.GenerationConfig:
        generation = genai.GenerationConfig()
        generation.max_new_tokens = self._workload.max_new_tokens
        generation.do_sample = False
        generation.apply_chat_template = False
        generation.stop_token_ids = set(self._workload.stop_token_ids)
        generation.structured_output_config = genai.StructuredOutputConfig(
            grammar=self._workload.gbnf
        )
        return generation

    def _news(self, number: int, handle: Any, seen_s: float) -> News:  # noqa: ANN401  untyped
        (output,) = handle.read().values()
        ids = [i for i in output.generated_ids if i not in self._workload.stop_token_ids]
        self._tokens[number] += len(output.generated_ids)
        text = self._reader.read(number, ids)
        if output.finish_reason == genai.GenerationFinishReason.NONE:
            return News(number, text, seen_s)
        del self._handles[number]
        tokens = self._tokens.pop(number)
        return News(number, text, seen_s, finished=True, tokens=tokens, forwards=tokens)


if __name__ == "__main__":
    serve(OpenVino)
