"""Turns samples into padded batches of similar length, the answer marked for the loss."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from transformers import PreTrainedTokenizerFast

from planner_node.training.corpus import sample
from planner_node.training.tokenizer import render

IGNORED = -100
LONGEST_TOKENS = 512
POOL = 384


@dataclass(frozen=True, slots=True)
class Batch:
    """``ids`` and ``labels`` of shape (rows, tokens); labels are shifted and hide the prompt."""

    ids: torch.Tensor
    labels: torch.Tensor
    next_index: int

    @property
    def tokens(self) -> int:
        return int(self.ids.numel())


def batches(
    tokenizer: PreTrainedTokenizerFast, seed: int, start: int, batch_tokens: int
) -> Iterator[Batch]:
    """Batches without end from sample ``start`` on; each pool of samples is sorted by length."""
    while True:
        rows = [render(tokenizer, sample(seed, index)) for index in range(start, start + POOL)]
        start += POOL
        rows = sorted(
            (row for row in rows if len(row[0]) + len(row[1]) <= LONGEST_TOKENS), key=_length
        )
        groups = _grouped(rows, batch_tokens)
        random.Random(f"{seed}:{start}").shuffle(groups)
        for number, group in enumerate(groups):
            yield _padded(group, start if number == len(groups) - 1 else start - POOL)


def _length(row: tuple[list[int], list[int]]) -> int:
    return len(row[0]) + len(row[1])


def _grouped(
    rows: list[tuple[list[int], list[int]]], batch_tokens: int
) -> list[list[tuple[list[int], list[int]]]]:
    groups: list[list[tuple[list[int], list[int]]]] = [[]]
    for row in rows:
        if (len(groups[-1]) + 1) * _length(row) > batch_tokens and groups[-1]:
            groups.append([])
        groups[-1].append(row)
    return groups


def _padded(group: list[tuple[list[int], list[int]]], next_index: int) -> Batch:
    width = max(_length(row) for row in group) - 1
    ids = torch.zeros((len(group), width), dtype=torch.long)
    labels = torch.full((len(group), width), IGNORED, dtype=torch.long)
    for number, (prompt, answer) in enumerate(group):
        whole = torch.tensor([*prompt, *answer])
        ids[number, : len(whole) - 1] = whole[:-1]
        labels[number, len(prompt) - 1 : len(whole) - 1] = whole[len(prompt) :]
    return Batch(ids, labels, next_index)
