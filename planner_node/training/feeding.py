"""Makes the batches in processes of their own, ahead of the training and in the same order."""

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.context import SpawnContext
from multiprocessing.queues import Queue
from pathlib import Path
from queue import Empty, Full
from typing import Final

import torch

from planner_node.training.batches import Batch, Part, Position, Size, batches
from planner_node.training.tokenizer import load_or_build

_AHEAD_BATCHES: Final = 48
_LOOK_EVERY_S: Final = 2.0
PackedPart = tuple[tuple[int, ...], bytes, bytes]
Packed = tuple[list[PackedPart], Position]


class FeedError(RuntimeError):
    """The process that makes the data ended."""


@dataclass(frozen=True, slots=True)
class Source:
    """Which batches there are: vocabulary, seed, and the sizes of a batch."""

    tokenizer: Path
    seed: int
    size: Size


@contextmanager
def feeding(source: Source, start: Position, processes: int = 1) -> Iterator["Feed"]:
    """Batches from ``start`` on, made by ``processes`` that end with the block."""
    context = multiprocessing.get_context("spawn")
    makers = [
        _Maker(context, source, _nth(start, number), processes) for number in range(processes)
    ]
    try:
        yield Feed(makers, start)
    finally:
        for maker in makers:
            maker.process.terminate()
        for maker in makers:
            maker.process.join()


def _nth(start: Position, number: int) -> Position:
    """Where the maker with this number begins: the pools go round among them."""
    return Position(start.pool + number) if number else start


class _Maker:
    """One process and the queue of what it has made."""

    def __init__(self, context: SpawnContext, source: Source, start: Position, every: int) -> None:
        self.queue: Queue[Packed] = context.Queue(_AHEAD_BATCHES)
        arguments = (self.queue, os.getpid(), source, start, every)
        self.process = context.Process(target=_make, args=arguments, daemon=True)
        self.process.start()

    def next(self) -> Packed:
        """Wait for a batch; FeedError when none can come any more."""
        while True:
            try:
                return self.queue.get(timeout=_LOOK_EVERY_S)
            except Empty:
                if not self.process.is_alive():
                    raise FeedError("the process that makes the data ended: see above") from None


class Feed(Iterator[Batch]):
    """The next batch, waited for; FeedError when none can come any more."""

    def __init__(self, makers: Sequence[_Maker], start: Position) -> None:
        self._makers, self._first, self._pool = makers, start.pool, start.pool

    @property
    def process_ids(self) -> list[int]:
        return [maker.process.pid or 0 for maker in self._makers]

    def __next__(self) -> Batch:
        maker = self._makers[(self._pool - self._first) % len(self._makers)]
        parts, after = maker.next()
        self._pool = after.pool
        return Batch(tuple(_unpacked(*part) for part in parts), after)


def _packed(part: Part) -> PackedPart:
    ids, labels = (tensor.int().numpy().tobytes() for tensor in (part.ids, part.labels))
    return tuple(part.ids.shape), ids, labels


def _unpacked(shape: tuple[int, ...], ids: bytes, labels: bytes) -> Part:
    both = (torch.frombuffer(bytearray(raw), dtype=torch.int32) for raw in (ids, labels))
    return Part(*(tensor.long().view(shape) for tensor in both))


def _make(queue: "Queue[Packed]", parent: int, source: Source, start: Position, every: int) -> None:
    torch.set_num_threads(1)
    queue.cancel_join_thread()  # where the training was killed nobody empties the pipe
    tokenizer = load_or_build(source.tokenizer, source.seed)
    for batch in batches(tokenizer, source.seed, start, source.size, every):
        parts = [_packed(part) for part in batch.parts]
        while True:
            try:
                queue.put((parts, batch.after), timeout=_LOOK_EVERY_S)
                break
            except Full:
                if os.getppid() != parent:
                    return
