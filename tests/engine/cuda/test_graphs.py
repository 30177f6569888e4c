"""Recorded steps: what is padded, what is recorded once, and that replays see fresh numbers."""

import pytest
import torch
from torch import Tensor

from planner_node.engine.cuda.graphs import TOKENS_A_GRAPH, FixedStep, GraphRunner, Replay

SCRATCH_CELL = 999


class Bench:
    """A runner over a toy model, with a recorder that calls again instead of recording."""

    def __init__(self) -> None:
        self.recorded = 0
        self.cells: list[int] = []
        self.runner = GraphRunner(self.model, torch.device("cpu"), SCRATCH_CELL, self.record)

    def model(self, step: FixedStep) -> Tensor:
        self.cells = step.kv_cells.tolist()
        return torch.stack([step.token_ids * 10 + step.slots, step.positions], 1)

    def record(self, run: Replay) -> Replay:
        self.recorded += 1
        run()
        return run


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_step_gives_one_result_for_each_token(bench: Bench) -> None:
    found = bench.runner.hidden(([5, 6, 7], [1, 2, 3], [20, 21, 22], [0, 1, 2]))
    assert found.tolist() == [[50, 20], [61, 21], [72, 22]]


def test_padding_writes_to_the_scratch_cell_only(bench: Bench) -> None:
    bench.runner.hidden(([5, 6, 7], [1, 2, 3], [20, 21, 22], [0, 1, 2]))
    assert bench.cells == [1, 2, 3, SCRATCH_CELL]


def test_shorter_step_leaves_nothing_of_the_longer_one(bench: Bench) -> None:
    bench.runner.hidden(([5] * 4, [1] * 4, [20] * 4, [3] * 4))
    bench.runner.hidden(([6] * 3, [2] * 3, [21] * 3, [1] * 3))
    assert bench.cells == [2, 2, 2, SCRATCH_CELL]


def test_each_size_is_recorded_once(bench: Bench) -> None:
    bench.runner.prepare()
    assert bench.recorded == len(TOKENS_A_GRAPH)
    bench.runner.hidden(([5, 6, 7], [1, 2, 3], [20, 21, 22], [0, 1, 2]))
    assert bench.recorded == len(TOKENS_A_GRAPH)


def test_recording_touches_no_row(bench: Bench) -> None:
    bench.runner.prepare()
    assert set(bench.cells) == {SCRATCH_CELL}


def test_fits_up_to_the_largest_size(bench: Bench) -> None:
    assert bench.runner.fits(TOKENS_A_GRAPH[-1])
    assert not bench.runner.fits(TOKENS_A_GRAPH[-1] + 1)


class SlowCopy:
    """A copy to the device that reads only when it is waited for."""

    def __init__(self, host: Tensor) -> None:
        self.host = host
        self.begun: list[int] = []
        self.read: list[int] = []

    def record(self) -> None:
        self.begun.append(int(self.host[0, 0]))

    def synchronize(self) -> None:
        if self.begun:
            self.read.append(int(self.host[0, 0]))


def test_numbers_stay_until_the_device_has_read_them(bench: Bench) -> None:
    copy = bench.runner._copied = SlowCopy(bench.runner._host)
    for token_id in (5, 6, 7):
        bench.runner.hidden(([token_id], [1], [20], [0]))
    assert copy.begun == [0, 5, 6, 7]  # 0: when it was recorded
    assert copy.read == [0, 5, 6]
