"""Makes the batches in a process of its own, ahead of the training and in the same order."""

import multiprocessing
import os
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from multiprocessing.queues import Queue
from pathlib import Path
from queue import Empty, Full
from typing import Final

import torch

from planner_node.training.batches import Batch, Part, Position, batches
from planner_node.training.tokenizer import load_or_build

_AHEAD_BATCHES: Final = 48
_LOOK_EVERY_S: Final = 2.0
PackedPart = tuple[tuple[int, ...], bytes, bytes]
Packed = tuple[list[PackedPart], Position]


class FeedError(RuntimeError):
    """The process that makes the data ended."""


@contextmanager
def feeding(tokenizer: Path, seed: int, start: Position, batch_tokens: int) -> Iterator["Feed"]:
    """Batches from ``start`` on, made by a process that ends with the block."""
    context = multiprocessing.get_context("spawn")
    queue: Queue[Packed] = context.Queue(_AHEAD_BATCHES)
    maker = context.Process(
        target=_make, args=(queue, os.getpid(), tokenizer, seed, start, batch_tokens), daemon=True
    )
    maker.start()
    try:
        yield Feed(queue, maker)
    finally:
        maker.terminate()
        maker.join()


class Feed(Iterator[Batch]):
    """The next batch, waited for; FeedError when none can come any more."""

    def __init__(self, queue: "Queue[Packed]", maker: BaseProcess) -> None:
        self._queue = queue
        self._maker = maker

    @property
    def process_id(self) -> int:
        return self._maker.pid or 0

    def __next__(self) -> Batch:
        while True:
            try:
                parts, after = self._queue.get(timeout=_LOOK_EVERY_S)
            except Empty:
                if not self._maker.is_alive():
                    raise FeedError("the process that makes the data ended: see above") from None
                continue
            return Batch(tuple(_unpacked(*part) for part in parts), after)


def _packed(part: Part) -> PackedPart:
    ids, labels = (tensor.int().numpy().tobytes() for tensor in (part.ids, part.labels))
    return tuple(part.ids.shape), ids, labels


def _unpacked(shape: tuple[int, ...], ids: bytes, labels: bytes) -> Part:
    both = (torch.frombuffer(bytearray(raw), dtype=torch.int32) for raw in (ids, labels))
    return Part(*(tensor.long().view(shape) for tensor in both))


def _make(
    queue: "Queue[Packed]",
    parent: int,
    tokenizer: Path,
    seed: int,
    start: Position,
    batch_tokens: int,
) -> None:
    torch.set_num_threads(1)
    queue.cancel_join_thread()  # where the training was killed nobody empties the pipe
    for batch in batches(load_or_build(tokenizer, seed), seed, start, batch_tokens):
        parts = [_packed(part) for part in batch.parts]
        while True:
            try:
                queue.put((parts, batch.after), timeout=_LOOK_EVERY_S)
                break
            except Full:
                if os.getppid() != parent:
                    return
