"""Turns samples into padded parts of similar length, the answer marked for the loss."""

import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch.nn.utils.rnn import pad_sequence
from transformers import PreTrainedTokenizerFast

from planner_node.training.corpus.samples import sample
from planner_node.training.tokenizer import render

IGNORED = -100
LONGEST_TOKENS = 768
Row = tuple[list[int], list[int]]
Shifted = tuple[torch.Tensor, torch.Tensor]  # ids and labels of one row
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Part:
    """``ids`` and ``labels`` of shape (rows, tokens); labels are shifted and hide the prompt."""

    ids: torch.Tensor
    labels: torch.Tensor

    @classmethod
    def of(cls, rows: Iterable[Shifted]) -> "Part":
        """The rows, padded to the longest."""
        ids, labels = zip(*rows, strict=True)
        return cls(
            pad_sequence(list(ids), batch_first=True),
            pad_sequence(list(labels), batch_first=True, padding_value=IGNORED),
        )

    def rows(self) -> Iterator[Shifted]:
        """Each row without its padding: a row ends with its answer."""
        for ids, labels in zip(self.ids, self.labels, strict=True):
            end = int(torch.nonzero(labels != IGNORED)[-1]) + 1
            yield ids[:end], labels[:end]


@dataclass(frozen=True, slots=True)
class Position:
    """Where the data of a run goes on: batches of a pool that are behind it."""

    pool: int = 0
    batch: int = 0


@dataclass(frozen=True, slots=True)
class Batch:
    """The parts of one update, each of rows of one length or nearly, and what follows it."""

    parts: tuple[Part, ...]
    after: Position

    @property
    def tokens(self) -> int:
        """Tokens, padding included."""
        return sum(part.ids.numel() for part in self.parts)

    @property
    def answers(self) -> int:
        """Tokens that the loss is taken over."""
        return sum(int((part.labels != IGNORED).sum()) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Size:
    """Tokens of an update and of a part, which one pass takes; samples that are sorted together.

    The defaults fit the caches of a CPU core.
    """

    batch_tokens: int = 4096
    part_tokens: int = 2048
    pool_samples: int = 1536


def batches(
    tokenizer: PreTrainedTokenizerFast, seed: int, start: Position, size: Size, every: int = 1
) -> Iterator[Batch]:
    """Batches without end from ``start`` on; a pool's samples are sorted by length, parts mixed.

    Of the pools only each ``every``-th is made: so many processes share the work.
    """
    pool, skip = start.pool, start.batch
    while True:
        groups = _pool(tokenizer, seed, pool, size)
        width = max(1, size.batch_tokens // size.part_tokens)
        cuts = range(0, len(groups), width)
        for number, cut in enumerate(cuts):
            if number < skip:
                continue
            last = number == len(cuts) - 1
            after = Position(pool + 1) if last else Position(pool, number + 1)
            parts = (Part.of(map(_shifted, group)) for group in groups[cut : cut + width])
            yield Batch(tuple(parts), after)
        pool, skip = pool + every, 0


def _pool(tokenizer: PreTrainedTokenizerFast, seed: int, pool: int, size: Size) -> list[list[Row]]:
    """The groups of a pool, in the order of training."""
    numbers = range(pool * size.pool_samples, (pool + 1) * size.pool_samples)
    rows = [render(tokenizer, sample(seed, number)) for number in numbers]
    fitting = sorted((row for row in rows if _length(row) <= LONGEST_TOKENS), key=_length)
    groups = grouped(fitting, min(size.part_tokens, size.batch_tokens), _length)
    random.Random(f"{seed}:{pool}").shuffle(groups)
    return groups


def _length(row: Row) -> int:
    return len(row[0]) + len(row[1])


def grouped(
    rows: Iterable[Item], part_tokens: int, length: Callable[[Item], int]
) -> list[list[Item]]:
    """Cut ``rows``, sorted by ``length``, where more would not fit a part when padded."""
    groups: list[list[Item]] = [[]]
    for row in rows:
        if (len(groups[-1]) + 1) * length(row) > part_tokens and groups[-1]:
            groups.append([])
        groups[-1].append(row)
    return groups


def _shifted(row: Row) -> Shifted:
    """Each token's label is the next one, from where the answer begins."""
    prompt, answer = row
    whole = torch.tensor([*prompt, *answer])
    labels = whole[1:].clone()
    labels[: len(prompt) - 1] = IGNORED
    return whole[:-1], labels
