"""Learning from what is not known yet: the rows of a batch whose answers a forward pass finds hard.

Selective backpropagation (Jiang et al. 2019, "Accelerating Deep Learning by Focusing on the Biggest
Losers"): most rows of a late stage teach nothing, and a forward pass, which tells, costs a third
of learning from them. One in ten of what is known is learnt from all the same, so that it stays so.
"""

from typing import Final

import torch
from transformers import LlamaForCausalLM

from planner_node.training.batches import Batch, Part, Shifted, grouped
from planner_node.training.forward import losses_of
from planner_node.training.gradients import Each

KNOWN_EVERY: Final = 10


class Focus:
    """Chooses what of a batch is learnt from: the same rows for any number of workers.

    ``least_loss`` is that of a whole answer in nats, from which on it is always learnt from; 0
    keeps every row.
    """

    def __init__(
        self,
        model: LlamaForCausalLM,
        precision: torch.dtype,
        each: Each,
        least_loss: float,
        part_tokens: int,
    ) -> None:
        self._model, self._precision, self._each = model, precision, each
        self._least_loss, self._part_tokens = least_loss, part_tokens

    def chosen(self, batch: Batch) -> Batch:
        """The rows of ``batch`` to learn from, in parts of similar length."""
        if not self._least_loss:
            return batch
        found = self._each(lambda part: losses_of(self._model, part, self._precision), batch.parts)
        losses = torch.cat(list(found)).tolist()
        rows = [row for part in batch.parts for row in part.rows()]
        hard = [row for row, loss in zip(rows, losses, strict=True) if loss >= self._least_loss]
        known = [row for row, loss in zip(rows, losses, strict=True) if loss < self._least_loss]
        learnt = sorted([*hard, *known[::KNOWN_EVERY]], key=_length)
        return Batch(tuple(map(Part.of, grouped(learnt, self._part_tokens, _length))), batch.after)


def _length(row: Shifted) -> int:
    return len(row[0])
