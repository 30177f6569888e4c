"""From logits to one token a row: the constraint's mask, then greedy or a seeded draw."""

from collections.abc import Sequence as Many
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor

from planner_node.engine.sequence import Sequence

WORD_BITS = 32


class MaskTable:
    """Packed allowed-id sets, one row per output, filled in place by the constraints."""

    def __init__(self, rows: int, vocabulary_tokens: int, device: torch.device) -> None:
        self._num_words = -(-vocabulary_tokens // WORD_BITS)
        self._vocabulary_tokens = vocabulary_tokens
        self._device = device
        shape = (rows, self._num_words)
        self._table = torch.full(shape, -1, dtype=torch.int32, pin_memory=device.type == "cuda")
        self._words = self._table.numpy()
        self.rows = [memoryview(row) for row in self._words]
        self._shifts = torch.arange(WORD_BITS, dtype=torch.int32, device=device)

    def allow_all(self, row: int) -> None:
        self._words[row] = -1

    def forbidden(self, num_rows: int) -> Tensor:
        """Return bool [rows, vocabulary] on the device: what may not be chosen."""
        if self._device.type == "cpu":
            octets = self._words[:num_rows].view(np.uint8)
            bits = np.unpackbits(octets, axis=1, count=self._vocabulary_tokens, bitorder="little")
            return torch.from_numpy(bits == 0)
        packed = self._table[:num_rows].to(self._device, non_blocking=True)
        bits_on_device = (packed[:, :, None] >> self._shifts) & 1
        return bits_on_device.view(num_rows, -1)[:, : self._vocabulary_tokens] == 0


@dataclass(frozen=True, slots=True)
class Draw:
    """A row that is not greedy, with its one random number for this token."""

    row: int
    temperature: float
    top_p: float
    chance: float


def biased(scores: Tensor, sequences: Many[Sequence]) -> Tensor:
    """Return ``scores`` [rows, vocabulary] with each sequence's biases added."""
    entries = [
        (row, token_id, logits)
        for row, sequence in enumerate(sequences)
        for token_id, logits in sequence.request.biases
    ]
    if not entries:
        return scores
    rows, ids, logits = zip(*entries, strict=True)
    where = tuple(torch.tensor(part, device=scores.device) for part in (rows, ids))
    extra = torch.tensor(logits, device=scores.device, dtype=scores.dtype)
    return scores.index_put(where, extra, accumulate=True)


def draws_of(sequences: Many[Sequence]) -> list[Draw]:
    """Take one random number for every sequence that samples with a temperature."""
    return [
        Draw(row, s.request.sampling.temperature, s.request.sampling.top_p, s.random.random())
        for row, s in enumerate(sequences)
        if s.request.sampling.temperature > 0
    ]


NOTHING: Final = -1  # in the place of an id, where a row has no finite best score


def choose(scores: Tensor, draws: list[Draw]) -> list[int]:
    """Return one id per row of ``scores`` [rows, vocabulary]; rows without a draw are greedy."""
    best, chosen = scores.max(dim=-1)
    if draws:
        rows = torch.tensor([draw.row for draw in draws], device=scores.device)
        chosen = chosen.index_copy(0, rows, _drawn(scores[rows].float(), draws))
    ids: list[int] = chosen.masked_fill(~best.isfinite(), NOTHING).tolist()
    return ids


def _drawn(scores: Tensor, draws: list[Draw]) -> Tensor:
    """Return one id per draw: the point of the cumulated probability that the chance falls on."""
    temperature, top_p, chance = (
        torch.tensor(
            [[draw.temperature, draw.top_p, draw.chance] for draw in draws], device=scores.device
        )
        .unsqueeze(-1)
        .unbind(1)
    )
    ranked, order = (scores / temperature).softmax(-1).sort(stable=True, descending=True)
    before = ranked.cumsum(-1) - ranked
    kept = ranked.masked_fill(before >= top_p, 0.0)  # the most likely one always stays
    cumulated = kept.cumsum(-1)
    place: Tensor = (cumulated <= chance * cumulated[:, -1:]).sum(-1, keepdim=True)
    last_kept = (kept > 0).sum(-1, keepdim=True) - 1
    drawn: Tensor = order.gather(1, place.minimum(last_kept).clamp(min=0)).squeeze(1)
    return drawn
