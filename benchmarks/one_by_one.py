"""What people write today: transformers' ``generate`` with a grammar, one request at a time."""

import time

import numpy as np
import torch
from torch import Tensor
from transformers import LogitsProcessor, LogitsProcessorList

from benchmarks.plan_requests import Workload
from planner_node.engine.request import Request
from planner_node.grammar.vocabulary import TextDecoder
from planner_node.stream.subtasks import CallReader, SubtaskClosed


class GrammarProcessor(LogitsProcessor):
    """Masks each step by the grammar, and forces the end of the turn once the call is closed."""

    def __init__(self, request: Request, vocabulary_tokens: int, eos_token_id: int) -> None:
        self._constraint = request.constraint
        self._num_prompt_tokens = len(request.prompt)
        self._num_seen = 0
        self._eos_token_id = eos_token_id
        self._words = np.zeros(-(-vocabulary_tokens // 32), dtype=np.int32)
        self._vocabulary_tokens = vocabulary_tokens

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:  # type: ignore[override]
        output = input_ids[0, self._num_prompt_tokens :].tolist()
        for token_id in output[self._num_seen :]:
            self._constraint.accept(token_id)
        self._num_seen = len(output)
        if self._constraint.done:
            return torch.full_like(scores, -torch.inf).index_fill_(
                1, torch.tensor([self._eos_token_id]), 0.0
            )
        self._constraint.fill(memoryview(self._words))
        bits = np.unpackbits(
            self._words.view(np.uint8), count=self._vocabulary_tokens, bitorder="little"
        )
        return scores.masked_fill(torch.from_numpy(bits == 0), -torch.inf)


class Streamer:
    """Reads the plan as ``generate`` puts it out, to know when its first subtask closes."""

    def __init__(self, workload: Workload) -> None:
        self.first_subtask_s: float | None = None
        self._begun_s = time.perf_counter()
        self._decoder = TextDecoder(workload.voice.vocabulary)
        self._call = CallReader()
        self._is_prompt = True

    def put(self, value: Tensor) -> None:
        if self._is_prompt:
            self._is_prompt = False
            return
        events = self._call.feed(self._decoder.feed(value.tolist()))
        if self.first_subtask_s is None and any(isinstance(e, SubtaskClosed) for e in events):
            self.first_subtask_s = time.perf_counter() - self._begun_s

    def end(self) -> None:
        pass


class Generator:
    """Plans with ``generate``; the model is the one that the engine runs."""

    def __init__(self, workload: Workload) -> None:
        self._workload = workload

    def plan(self, number: int) -> tuple[int, float]:
        """Make one plan; return its tokens and the seconds to its first subtask."""
        loaded, request = self._workload.loaded, self._workload.request(number)
        eos_token_id = min(loaded.eos_token_ids)
        streamer = Streamer(self._workload)
        prompt = torch.tensor([request.prompt])
        output = loaded.model.generate(
            prompt,
            attention_mask=torch.ones_like(prompt),
            max_new_tokens=request.max_new_tokens,
            do_sample=False,
            pad_token_id=eos_token_id,
            eos_token_id=sorted(loaded.eos_token_ids),
            streamer=streamer,
            logits_processor=LogitsProcessorList(
                [GrammarProcessor(request, loaded.vocabulary_tokens, eos_token_id)]
            ),
        )
        num_tokens = output.shape[1] - len(request.prompt) - 1  # the end of the turn is no output
        return num_tokens, streamer.first_subtask_s or 0.0

    def round(self, first: int, num_plans: int) -> dict[str, float]:
        """Make plans one after the other; return plans and tokens a second."""
        begun_s = time.perf_counter()
        plans = [self.plan(first + n) for n in range(num_plans)]
        wall_s = time.perf_counter() - begun_s
        waits_s = sorted(first_s for _, first_s in plans)
        return {
            "plans_per_s": num_plans / wall_s,
            "tokens_per_s": sum(num_tokens for num_tokens, _ in plans) / wall_s,
            "first_subtask_ms": 1_000 * waits_s[len(waits_s) // 2],
        }
