"""The gradient of one update: its parts side by side on the processor's cores, summed in order."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import torch
from transformers import LlamaForCausalLM

from planner_node.training.batches import Batch, Part
from planner_node.training.forward import loss_of

Tensor = torch.Tensor
Found = tuple[float, Sequence[Tensor]]


class Gradients:
    """Puts the gradient of a batch into a model, the same to the bit for any number of workers.

    A worker takes one part with one thread: products as small as these gain nothing from being
    split between cores, two of them side by side do.
    """

    def __init__(
        self, model: LlamaForCausalLM, device: str, precision: torch.dtype, workers: int
    ) -> None:
        self._model, self._device, self._precision = model, device, precision
        self._weights = list(model.parameters())
        self._pool = (
            ThreadPoolExecutor(workers, "part", torch.set_num_threads, (1,))
            if workers > 1
            else None
        )

    def put(self, batch: Batch) -> float:
        """Set each weight's ``grad``; returns the mean loss of an answer's token."""
        answers = batch.answers
        each = self._pool.map if self._pool else map
        found = list(each(lambda part: self._of(part, answers), batch.parts))
        for weight, *grads in zip(self._weights, *(grads for _, grads in found), strict=True):
            weight.grad = grads[0]
            for grad in grads[1:]:
                weight.grad.add_(grad)
        return sum(loss for loss, _ in found)

    def _of(self, part: Part, answers: int) -> Found:
        moved = Part(part.ids.to(self._device), part.labels.to(self._device))
        loss = loss_of(self._model, moved, self._precision) / answers
        return float(loss.item()), torch.autograd.grad(loss, self._weights)
