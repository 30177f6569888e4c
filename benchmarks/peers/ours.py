"""The planner node's own engine, as the node runs it: prompt, grammar, engine thread, text."""

import planner_node.engine  # noqa: F401  isort: skip  before torch: sets how its threads wait

import sys
import time
from contextlib import aclosing

from benchmarks.peers.looping import Looping
from benchmarks.peers.protocol import Job, News, Options, Workload, serve
from planner_node.completion.loading import LocalModel
from planner_node.completion.request import Completed, CompletionRequest, TextChunk
from planner_node.grammar.tool import Tool
from planner_node.node.serve import SWITCH_S
from planner_node.prompt.message import Message
from planner_node.settings import EngineSettings, ModelSettings

PRECISIONS = {
    "fp32": ("float32", "none"),
    "bf16": ("bfloat16", "none"),
    "int8": ("bfloat16", "int8"),
}


class Ours(Looping):
    """Drives the completer from a loop that runs while news are waited for."""

    def __init__(self, workload: Workload, options: Options) -> None:
        dtype, quantization = PRECISIONS[options.precision]
        sys.setswitchinterval(SWITCH_S)
        self._workload = workload
        self._tool = Tool(**workload.tool)
        super().__init__()
        model = LocalModel(
            ModelSettings(id=workload.model, dtype=dtype, quantization=quantization),
            EngineSettings(
                max_rows=options.rows,
                threads=options.threads,
                # random weights answer everything alike: a guess from the last plan is always right
                **({"draft_tokens": 0} if workload.free_tokens else {}),
            ),
        )
        self._completer = self._loop.run_until_complete(model.start())

    async def _follow(self, job: Job) -> None:
        request = CompletionRequest(
            request_id=str(job.number),
            messages=(Message("system", job.system), Message("user", job.instruction)),
            tools=(self._tool,),
            max_new_tokens=self._workload.max_new_tokens,
        )
        async with aclosing(self._completer.stream(request)) as events:
            async for event in events:
                self._news.put_nowait(_news(job.number, event))


def _news(number: int, event: TextChunk | Completed) -> News:
    seen_s = time.perf_counter()
    if isinstance(event, TextChunk):
        return News(number, event.text, seen_s)
    usage = event.usage
    return News(
        number,
        "",
        seen_s,
        finished=True,
        tokens=usage.completion_tokens,
        forwards=usage.forward_passes,
    )


if __name__ == "__main__":
    serve(Ours)
