"""vLLM's CPU build, its engine in this process, with the grammar library that is ours too."""

import os

os.environ |= {
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",  # no hop between processes
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "HF_HUB_OFFLINE": "1",
}

import time

from benchmarks.peers.protocol import Job, News, Options, Reader, Workload, serve

DTYPES = {"fp32": "float32", "bf16": "bfloat16"}
CONTEXT_TOKENS = 1_024
# vLLM 0.32 holds llguidance below 1.8; \\u is not among the escapes that are allowed anyway.
UNKNOWN = ("json_allow_general_unicode_escapes",)


class Vllm:
    """Drives the engine step by step: nothing between it and the clock."""

    def __init__(self, workload: Workload, options: Options) -> None:
        os.environ["VLLM_CPU_OMP_THREADS_BIND"] = f"0-{options.threads - 1}"
        from vllm import LLM, SamplingParams  # noqa: PLC0415  reads the environment
        from vllm.sampling_params import RequestOutputKind, StructuredOutputsParams  # noqa: PLC0415

        self._reader = Reader(workload.token_texts)
        self._stops = frozenset(workload.stop_token_ids)
        self._tokens: dict[int, int] = {}
        model = LLM(
            workload.model,
            dtype=DTYPES[options.precision],
            max_model_len=CONTEXT_TOKENS,
            max_num_seqs=options.rows,
            enforce_eager=True,
            enable_prefix_caching=True,
            structured_outputs_config={"backend": "guidance", "disable_any_whitespace": True},
        )
        self._engine = model.llm_engine
        self._sampling = SamplingParams(
            temperature=0,
            max_tokens=workload.max_new_tokens,
            detokenize=False,
            output_kind=RequestOutputKind.DELTA,
            structured_outputs=StructuredOutputsParams(grammar=workload.lark(*UNKNOWN)),
        )

    def add(self, job: Job) -> None:
        self._tokens[job.number] = 0
        prompt = {"prompt_token_ids": job.token_ids}
        self._engine.add_request(str(job.number), prompt, self._sampling.clone())

    def step(self) -> list[News]:
        outputs = self._engine.step()
        seen_s = time.perf_counter()
        news = []
        for output in outputs:
            number, ids = int(output.request_id), output.outputs[0].token_ids
            self._tokens[number] += len(ids)
            text = self._reader.read(number, (i for i in ids if i not in self._stops))
            tokens = self._tokens[number]
            news.append(News(number, text, seen_s, output.finished, tokens, tokens))
        return news


if __name__ == "__main__":
    serve(Vllm)
