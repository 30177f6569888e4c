"""Steps of few tokens, recorded once for each number of tokens and replayed as one launch.

How it works: a decode step of an 8B model is some hundred small kernels, and starting them from
Python costs more than running them. All that changes between two steps is four numbers a token:
its id, where its key and value go, its position and its row. They lie in one buffer at a fixed
address, so one recording serves every step of that many tokens. A step is padded to the next
recorded size; padding writes to the scratch cell, which nobody reads.

The sizes count tokens, not rows and queries: attention takes each token by itself (see
``attention``), so sixteen rows of one token and one row of sixteen are the same recording.
"""

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from planner_node.engine.batch import RECORDED_TOKENS

TOKENS_A_GRAPH: Final = (1, 2, 4, 8, 12, 16, 24, 32, 48, 64, 96, RECORDED_TOKENS)
WARM_UPS: Final = 2  # kernels are compiled and cuBLAS makes its workspace, neither may be recorded


@dataclass(frozen=True, slots=True)
class FixedStep:
    """What a recorded step reads: int64 views [tokens] of one buffer."""

    token_ids: Tensor
    kv_cells: Tensor  # where in the flattened cache each token's key and value go
    positions: Tensor
    slots: Tensor


Columns = tuple[list[int], list[int], list[int], list[int]]  # the fields of FixedStep, as numbers
Run = Callable[[FixedStep], Tensor]
Replay = Callable[[], Tensor]
Recorder = Callable[[Replay], Replay]


class GraphRunner:
    """Runs steps of up to ``TOKENS_A_GRAPH[-1]`` tokens; the engine's thread is its only caller."""

    def __init__(
        self, run: Run, device: torch.device, scratch_cell: int, record: Recorder | None = None
    ) -> None:
        self._run = run
        self._record = record or CudaRecorder()
        self._idle = (0, scratch_cell, 0, 0)  # a padding token: id, cell, position, row
        on_cuda = device.type == "cuda"
        size = (len(self._idle), TOKENS_A_GRAPH[-1])
        self._host = torch.zeros(size, dtype=torch.long, pin_memory=on_cuda)
        self._device = torch.zeros(size, dtype=torch.long, device=device)
        self._copied = torch.cuda.Event() if on_cuda else None  # type: ignore[no-untyped-call]
        self._replays: dict[int, Replay] = {}

    def prepare(self) -> None:
        """Record every size now, so that no request waits for it."""
        for num_tokens in reversed(TOKENS_A_GRAPH):  # the largest first: the others fit its memory
            self._replay_of(num_tokens)

    def fits(self, num_tokens: int) -> bool:
        return num_tokens <= TOKENS_A_GRAPH[-1]

    def hidden(self, columns: Columns) -> Tensor:
        """Return [tokens, hidden] for the step; the next call overwrites it."""
        num_tokens = len(columns[0])
        size = TOKENS_A_GRAPH[bisect_left(TOKENS_A_GRAPH, num_tokens)]
        replay = self._replay_of(size)
        self._fill(columns, size)
        return replay()[:num_tokens]

    def _replay_of(self, size: int) -> Replay:
        if size not in self._replays:
            self._fill(([], [], [], []), size)
            step = FixedStep(*self._device[:, :size])
            self._replays[size] = self._record(lambda: self._run(step))
        return self._replays[size]

    def _fill(self, columns: Columns, size: int) -> None:
        """Write the numbers; a step without outputs is not waited for, its copy may still read."""
        if self._copied is not None:
            self._copied.synchronize()
        for row, (numbers, idle) in enumerate(zip(columns, self._idle, strict=True)):
            padded = numbers + [idle] * (size - len(numbers))
            self._host[row, :size] = torch.tensor(padded)
        self._device.copy_(self._host, non_blocking=True)
        if self._copied is not None:
            self._copied.record()


class CudaRecorder:
    """Turns a run into a CUDA graph; all graphs share memory, since one runs at a time."""

    def __init__(self) -> None:
        self._pool = torch.cuda.graph_pool_handle()

    def __call__(self, run: Replay) -> Replay:
        aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(WARM_UPS):
                run()
        torch.cuda.current_stream().wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self._pool):
            out = run()

        def replay() -> Tensor:
            graph.replay()
            return out

        return replay
