"""transformers' continuous batching: no grammar, so that what comes out is only counted.

With a model that answers by itself it writes until its end of turn; random weights write as many
tokens as a plan has.
"""

import time

import torch
from transformers import AutoModelForCausalLM, GenerationConfig
from transformers.generation import ContinuousBatchingConfig

from benchmarks.peers.protocol import Job, News, Options, Reader, Workload, serve
from benchmarks.peers.transformers_generate import DTYPES

PAGE_TOKENS = 32  # the default of 256 would share no prefix as short as ours
CONTEXT_TOKENS = 1_024
NEVER = -1


class Batching:
    """Hands requests to the manager's thread and reads what it streams."""

    def __init__(self, workload: Workload, options: Options) -> None:
        torch.set_num_threads(options.threads)
        self._free_tokens = workload.free_tokens
        self._max_new_tokens = workload.free_tokens or workload.max_new_tokens
        self._reader = Reader(workload.token_texts)
        self._sent: dict[int, int] = {}
        model = AutoModelForCausalLM.from_pretrained(
            workload.model, dtype=DTYPES[options.precision], attn_implementation="sdpa"
        ).eval()
        generation = GenerationConfig(
            max_new_tokens=self._max_new_tokens,
            eos_token_id=NEVER if self._free_tokens else workload.stop_token_ids,
            pad_token_id=0,
            do_sample=False,
        )
        self._manager = model.init_continuous_batching(
            generation_config=generation,
            continuous_batching_config=ContinuousBatchingConfig(
                page_size=PAGE_TOKENS,
                num_blocks=options.rows * CONTEXT_TOKENS // PAGE_TOKENS,
                max_batch_tokens=512,
                max_requests_per_batch=options.rows,
            ),
        )
        self._stops = frozenset(workload.stop_token_ids)
        self._manager.start()

    def add(self, job: Job) -> None:
        self._sent[job.number] = 0
        self._manager.add_request(
            job.token_ids,
            request_id=str(job.number),
            max_new_tokens=self._max_new_tokens,
            streaming=True,
        )

    def step(self) -> list[News]:
        output = None
        while output is None:
            output = self._manager.get_result(timeout=1)
        seen_s = time.perf_counter()
        number, ids = int(output.request_id), output.generated_tokens
        new = [token_id for token_id in ids[self._sent[number] :] if token_id not in self._stops]
        self._sent[number] = len(ids)
        text = self._reader.read(number, new)
        if not output.is_finished():
            return [News(number, text, seen_s)]
        return [News(number, text, seen_s, finished=True, tokens=len(ids), forwards=len(ids))]


if __name__ == "__main__":
    serve(Batching)
