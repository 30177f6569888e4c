"""The process that makes the batches: the same ones, never silent, never left behind."""

import asyncio
import os
import signal
import subprocess
import sys
from itertools import islice
from pathlib import Path
from typing import Final

import pytest
import torch

import planner_node
from planner_node.training.batches import Position, Size, batches
from planner_node.training.feeding import FeedError, Source, feeding
from planner_node.training.tokenizer import load_or_build
from tests.fakes.waiting import until

SEED: Final = 3
SIZE: Final = Size(pool_samples=96)


@pytest.mark.parametrize("start", [Position(), Position(pool=2, batch=1)])
@pytest.mark.parametrize("processes", [1, 3])
def test_processes_of_their_own_make_the_same_batches(
    folder: Path, processes: int, start: Position
) -> None:
    made = batches(load_or_build(folder / "tokenizer", SEED), SEED, start, SIZE)
    with feeding(Source(folder / "tokenizer", SEED, SIZE), start, processes) as fed:
        for mine, theirs in zip(islice(made, 9), fed, strict=False):
            assert mine.after == theirs.after
            assert torch.equal(mine.parts[-1].labels, theirs.parts[-1].labels)


def test_a_dead_data_process_is_reported(folder: Path) -> None:
    with feeding(Source(folder / "tokenizer", SEED, SIZE), Position()) as fed:
        os.kill(fed.process_ids[0], signal.SIGKILL)
        with pytest.raises(FeedError, match="ended"):
            for _ in fed:
                pass


KILLED_WHILE_FED = """
import os, signal, sys
from pathlib import Path
from planner_node.training.batches import Position, Size
from planner_node.training.feeding import Source, feeding
if __name__ == "__main__":
    with feeding(Source(Path(sys.argv[1]), 3, Size()), Position()) as fed:
        next(fed)
        print(fed.process_ids[0], flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_data_process_ends_with_a_killed_training(folder: Path, tmp_path: Path) -> None:
    script = tmp_path / "killed.py"
    script.write_text(KILLED_WHILE_FED, encoding="utf-8")
    root = Path(planner_node.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, str(script), str(folder / "tokenizer")],
        env={**os.environ, "PYTHONPATH": str(root)},
        stdout=subprocess.PIPE,
        timeout=120,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    maker = int(done.stdout)
    asyncio.run(until(lambda: not _runs(maker), 60))


def _runs(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    return True
