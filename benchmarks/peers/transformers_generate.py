"""transformers ``generate`` with a grammar processor, one request at a time: what people write."""

import time
from collections import deque

import llguidance.hf
import torch
from llguidance import LLMatcher
from llguidance.torch import allocate_token_bitmask, fill_next_token_bitmask
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.generation import LogitsProcessor, StoppingCriteria
from transformers.generation.streamers import BaseStreamer

from benchmarks.peers.protocol import Job, News, Options, Reader, Workload, serve

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


class Grammar(LogitsProcessor):
    """Forbids what the matcher forbids, and follows what was chosen."""

    def __init__(self, matcher: LLMatcher, vocabulary_tokens: int) -> None:
        self._matcher = matcher
        self._mask = allocate_token_bitmask(1, vocabulary_tokens)
        self._bits = torch.arange(32, dtype=torch.int32)
        self._num_seen = 0

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        if self._num_seen:
            self._matcher.consume_token(int(input_ids[0, -1]))
        self._num_seen += 1
        fill_next_token_bitmask(self._matcher, self._mask, 0)
        allowed = ((self._mask[0, :, None] >> self._bits) & 1).bool().view(1, -1)
        return scores.masked_fill(~allowed[:, : scores.shape[1]], float("-inf"))


class Clock(BaseStreamer):
    """Notes when each token was seen."""

    def __init__(self) -> None:
        self.tokens: list[tuple[int, float]] = []
        self._is_prompt = True

    def put(self, value: torch.Tensor) -> None:
        if not self._is_prompt:
            seen_s = time.perf_counter()
            self.tokens += [(int(token_id), seen_s) for token_id in value.flatten()]
        self._is_prompt = False

    def end(self) -> None:
        pass


class Complete(StoppingCriteria):
    """Ends as soon as the document is complete: no forward for the end of the turn."""

    def __init__(self, matcher: LLMatcher) -> None:
        self._matcher = matcher

    def __call__(self, input_ids: torch.Tensor, *_: object, **__: object) -> torch.Tensor:
        ends = self._matcher.deep_copy()
        ends.consume_token(int(input_ids[0, -1]))
        return torch.tensor([ends.is_stopped()])


class Generate:
    """Plans the oldest job from its first token to its last; the others wait."""

    def __init__(self, workload: Workload, options: Options) -> None:
        torch.set_num_threads(options.threads)
        self._workload = workload
        self._reader = Reader(workload.token_texts)
        self._jobs: deque[Job] = deque()
        tokenizer = AutoTokenizer.from_pretrained(workload.model)
        self._model = AutoModelForCausalLM.from_pretrained(
            workload.model, dtype=DTYPES[options.precision]
        ).eval()
        self._vocabulary_tokens = self._model.config.vocab_size
        self._tokens = llguidance.hf.from_tokenizer(
            tokenizer, n_vocab=self._vocabulary_tokens, eos_token=workload.stop_token_ids
        )
        self._grammar = LLMatcher(self._tokens, LLMatcher.grammar_from_lark(workload.lark()))

    def add(self, job: Job) -> None:
        self._jobs.append(job)

    @torch.inference_mode()
    def step(self) -> list[News]:
        job, clock = self._jobs.popleft(), Clock()
        matcher = self._grammar.deep_copy()
        self._model.generate(
            torch.tensor([job.token_ids]),
            attention_mask=torch.ones(1, len(job.token_ids), dtype=torch.long),
            max_new_tokens=self._workload.max_new_tokens,
            do_sample=False,
            logits_processor=[Grammar(matcher, self._vocabulary_tokens)],
            stopping_criteria=[Complete(matcher)],
            streamer=clock,
        )
        return self._news(job.number, clock.tokens)

    def _news(self, number: int, tokens: list[tuple[int, float]]) -> list[News]:
        read = self._reader.read
        news = [News(number, read(number, [token_id]), seen_s) for token_id, seen_s in tokens]
        end = News(number, "", tokens[-1][1], True, len(tokens), len(tokens))  # noqa: FBT003
        return [*news, end]


if __name__ == "__main__":
    serve(Generate)
