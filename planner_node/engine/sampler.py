"""From logits to one token a row: greedy where it is legal, else under the constraint's mask.

A mask of all ids costs a large grammar about a millisecond, to ask after one id costs two
microseconds. So a greedy row takes the best id of all and asks whether it may, then the next best;
only where none of a few may, the mask is made. The result is the same. Rows with a temperature
always need their mask.
"""

from collections.abc import Sequence as Many
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor

from planner_node.engine.model import Forward
from planner_node.engine.scores import NOTHING, Scores, greedy
from planner_node.engine.sequence import Draft, Sequence

WORD_BITS: Final = 32


class MaskTable:
    """Packed allowed-id sets, one row per output, filled in place by the constraints."""

    def __init__(self, rows: int, vocabulary_tokens: int, device: torch.device) -> None:
        self._num_words = -(-vocabulary_tokens // WORD_BITS)
        self._vocabulary_tokens = vocabulary_tokens
        self._device = device
        shape = (rows, self._num_words)
        self._table = torch.full(shape, -1, dtype=torch.int32, pin_memory=device.type == "cuda")
        self._words = self._table.numpy()
        self._rows = [memoryview(row) for row in self._words]
        self._shifts = torch.arange(WORD_BITS, dtype=torch.int32, device=device)

    def fill(self, sequences: Many[Sequence]) -> None:
        """Let each sequence write what it allows next, in the row of its place."""
        for row, sequence in enumerate(sequences):
            if sequence.request.constraint is None:
                self._words[row] = -1
            else:
                sequence.fill(self._rows[row])

    def forbidden(self, num_rows: int) -> Tensor:
        """Return bool [rows, vocabulary] on the device: what may not be chosen."""
        if self._device.type == "cpu":
            octets = ~self._words[:num_rows].view(np.uint8)
            bits = np.unpackbits(octets, axis=1, count=self._vocabulary_tokens, bitorder="little")
            return torch.from_numpy(bits.view(np.bool_))
        packed = self._table[:num_rows].to(self._device, non_blocking=True)
        bits_on_device = (packed[:, :, None] >> self._shifts) & 1
        return bits_on_device.view(num_rows, -1)[:, : self._vocabulary_tokens] == 0


@dataclass(slots=True)
class Pick:
    """What a row comes to in a step: how much of its draft was right, and then one chosen id.

    ``place`` is the row of the scores that the id is chosen from; ``is_finite`` tells whether the
    best of all scores there is a number, whatever a mask leaves of them.
    """

    sequence: Sequence
    draft: Draft
    num_kept: int
    place: int
    token_id: int
    is_finite: bool


class Sampler:
    """Chooses for every row that reached the end of its tokens; checks its draft on the way."""

    def __init__(self, forward: Forward, rows: int) -> None:
        self._forward = forward
        self._masks = MaskTable(rows, forward.vocabulary_tokens, forward.device)

    def pick(self, sampling: Many[Sequence], hidden: Tensor) -> list[Pick]:
        """Return one pick for each sequence; ``hidden`` [outputs, ...] is in their order.

        The device may still be busy with ``hidden``: the masks of drawn rows are made meanwhile.
        """
        if not sampling:
            return []
        self._masks.fill([sequence for sequence in sampling if not sequence.is_greedy])
        biases = [s.biases_after(n) for s in sampling for n in range(len(s.draft.token_ids) + 1)]
        scores = Scores(self._forward.scores(hidden), biases)
        picks = _picks(sampling, scores.best())
        self._draw([pick for pick in picks if not pick.sequence.is_greedy], scores)
        self._mend([pick for pick in picks if _is_refused(pick)], scores)
        return picks

    def _draw(self, picks: list[Pick], scores: Scores) -> None:
        """Choose for rows with a temperature; their masks are filled."""
        if picks:
            draws = draws_of([pick.sequence for pick in picks])
            _put(picks, choose(self._allowed(picks, scores), draws))

    def _mend(self, picks: list[Pick], scores: Scores) -> None:
        """Choose again for greedy rows whose best id of all may not stand."""
        ranked = scores.ranked(_places(picks)) if picks else []
        left = [pick for pick, ids in zip(picks, ranked, strict=True) if not _is_mended(pick, ids)]
        if left:
            self._masks.fill([pick.sequence for pick in left])
            _put(left, greedy(self._allowed(left, scores)))

    def _allowed(self, picks: list[Pick], scores: Scores) -> Tensor:
        """Return the picks' scores under their masks, which are filled."""
        return scores.allowed(_places(picks), self._masks.forbidden(len(picks)))


def _picks(sampling: Many[Sequence], best: list[int]) -> list[Pick]:
    """Return the picks that follow from the best ids [outputs], drafts being settled."""
    picks: list[Pick] = []
    first = 0
    for sequence in sampling:
        draft = sequence.draft
        num_kept = 0
        if draft.token_ids:
            num_kept = sequence.settle_draft(best[first : first + len(draft.token_ids) + 1])
        place = first + num_kept
        is_finite = best[place] != NOTHING
        picks.append(Pick(sequence, draft, num_kept, place, best[place], is_finite))
        first += len(draft.token_ids) + 1
    return picks


def _is_refused(pick: Pick) -> bool:
    """Tell whether a greedy row's best id is one that its constraint does not let stand."""
    sequence = pick.sequence
    if not sequence.is_greedy or sequence.is_complete or pick.token_id == NOTHING:
        return False
    return not sequence.allows(pick.token_id)


def _is_mended(pick: Pick, ranked: list[int]) -> bool:
    """Take the first of the ranked ids that may stand, if one may."""
    for token_id in ranked:
        if token_id != pick.token_id and pick.sequence.allows(token_id):
            pick.token_id = token_id
            return True
    return False


def _places(picks: list[Pick]) -> list[int]:
    return [pick.place for pick in picks]


def _put(picks: list[Pick], token_ids: list[int]) -> None:
    for pick, token_id in zip(picks, token_ids, strict=True):
        pick.token_id = token_id


@dataclass(frozen=True, slots=True)
class Draw:
    """How a row is drawn, with its one random number for this token."""

    temperature: float
    top_p: float
    chance: float


def draws_of(sequences: Many[Sequence]) -> list[Draw]:
    """Take one random number for every sequence."""
    return [
        Draw(s.request.sampling.temperature, s.request.sampling.top_p, s.random.random())
        for s in sequences
    ]


def choose(scores: Tensor, draws: Many[Draw]) -> list[int]:
    """Return one drawn id per row of ``scores`` [rows, vocabulary], or ``NOTHING``."""
    is_finite = scores.amax(dim=-1).isfinite()
    drawn = _drawn(scores.float(), draws)
    ids: list[int] = drawn.masked_fill(~is_finite, NOTHING).tolist()
    return ids


def _drawn(scores: Tensor, draws: Many[Draw]) -> Tensor:
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
