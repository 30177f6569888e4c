"""ONNX Runtime GenAI: forced tokens for one client, its batching engine for several.

On a CPU the engine batches statically: who comes later waits until the whole batch has ended. Its
paged, continuous batching needs CUDA.
"""

import json
import subprocess
import sys
import time
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime_genai as og

from benchmarks.peers.protocol import (
    Job,
    News,
    Options,
    Reader,
    Workload,
    serve,
    weights_name,
)

CONTEXT_TOKENS = 1_024
# Its llguidance is older still; escapes beyond ours are legal here, and never the best choice.
UNKNOWN = ("json_allow_general_unicode_escapes", "json_allowed_escapes")
PLAIN_BYTES = {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True}
EVENTS = 256


def export(model: str, precision: str, target: Path) -> Path:
    """Convert a checkpoint with the library's own builder; keep what is there."""
    if not (target / "genai_config.json").is_file():
        command = [sys.executable, "-m", "onnxruntime_genai.models.builder", "-e", "cpu"]
        subprocess.run([*command, "-i", model, "-o", target, "-p", precision], check=True)
        _make_readable(target / "tokenizer.json")
    return target


def _make_readable(file: Path) -> None:
    """Replace the way text is cut, which its tokenizer cannot read; it is only sent ids."""
    tokenizer = json.loads(file.read_text(encoding="utf-8"))
    tokenizer["pre_tokenizer"] = PLAIN_BYTES
    file.write_text(json.dumps(tokenizer, ensure_ascii=False), encoding="utf-8")


class OnnxRuntime:
    """One job alone goes through a generator, several through the engine."""

    def __init__(self, workload: Workload, options: Options) -> None:
        name = f"onnxruntime-{weights_name(workload.model)}-{options.precision}"
        config = og.Config(str(export(workload.model, options.precision, options.folder / name)))
        session = {"session_options": {"intra_op_num_threads": options.threads}}
        config.overlay(json.dumps({"model": {"decoder": session}}))
        config.overlay(
            json.dumps({"engine": {"static_batching": {"max_batch_size": options.rows}}})
        )
        self._model = og.Model(config)
        self._engine = og.Engine(self._model)
        self._events = self._engine.create_event_buffer(EVENTS)
        self._guidance = ("lark_grammar", workload.lark(*UNKNOWN))
        self._max_new_tokens = workload.max_new_tokens
        self._stops = frozenset(workload.stop_token_ids)
        self._reader = Reader(workload.token_texts)
        self._waiting: deque[Job] = deque()
        self._running: dict[int, Any] = {}
        self._tokens: dict[int, int] = {}

    def add(self, job: Job) -> None:
        self._waiting.append(job)

    def step(self) -> list[News]:
        if len(self._waiting) == 1 and not self._running:
            return self._alone(self._waiting.popleft())
        while self._waiting:
            job = self._waiting.popleft()
            self._running[job.number] = self._request(job)
            self._tokens[job.number] = 0
        events = self._engine.run(self._events)
        seen_s = time.perf_counter()
        return [self._news(event, seen_s) for event in events]

    def _request(self, job: Job) -> Any:  # noqa: ANN401  untyped
        options = og.RequestOptions()
        options.set_max_session_tokens(CONTEXT_TOKENS)
        request = self._engine.create_request(options=options)
        turn = og.TurnOptions(request)
        turn.set_do_sample(False)
        turn.set_max_generated_tokens(self._max_new_tokens)
        turn.set_guidance(*self._guidance)
        request.begin_turn(np.array(job.token_ids, dtype=np.int32), turn)
        return request

    def _news(self, event: Any, seen_s: float) -> News:  # noqa: ANN401  untyped
        number = next(n for n, request in self._running.items() if request == event.request)
        ids = []
        if event.flags.value & og.EngineEventFlags.TOKEN.value:
            self._tokens[number] += 1
            ids = [event.token]
        text = self._reader.read(number, (i for i in ids if i not in self._stops))
        finished = bool(event.flags.value & og.EngineEventFlags.TURN_FINISHED.value)
        tokens = self._tokens[number]
        if finished:
            self._running.pop(number).close()
        return News(number, text, seen_s, finished, tokens, tokens)

    def _alone(self, job: Job) -> list[News]:
        """Run one job to its end; what it forces comes with the next token."""
        params = og.GeneratorParams(self._model)
        params.set_search_options(
            do_sample=False, max_length=len(job.token_ids) + self._max_new_tokens
        )
        params.set_guidance(*self._guidance, True)  # noqa: FBT003  the library's signature
        generator = og.Generator(self._model, params)
        generator.append_tokens(np.array(job.token_ids, dtype=np.int32))
        news, steps, told = [], 0, len(job.token_ids)
        while not generator.is_done():
            generator.generate_next_token()
            seen_s, steps = time.perf_counter(), steps + 1
            ids = generator.get_sequence(0)[told:]
            told += len(ids)
            text = self._reader.read(job.number, (int(i) for i in ids if i not in self._stops))
            news.append(News(job.number, text, seen_s))
        tokens = told - len(job.token_ids)
        end = News(job.number, "", news[-1].seen_s, finished=True, tokens=tokens, forwards=steps)
        return [*news, end]


if __name__ == "__main__":
    serve(OnnxRuntime)
