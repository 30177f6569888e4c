"""The gradient of one update: its parts side by side on the processor's cores, summed in order."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

import torch
from transformers import LlamaForCausalLM

from planner_node.training.batches import Batch, Part
from planner_node.training.forward import loss_of

Tensor = torch.Tensor
Found = tuple[Tensor, Sequence[Tensor]]
Item = TypeVar("Item")
Result = TypeVar("Result")


class Each(Protocol):
    """``map``, or what works at several items at once and keeps their order."""

    def __call__(
        self, work: Callable[[Item], Result], items: Iterable[Item], /
    ) -> Iterator[Result]: ...


def side_by_side(workers: int) -> Each:
    """``map`` by ``workers`` threads with one core each, be it only one of them.

    Products as small as these gain nothing from being split between cores, two of them side by
    side do. And a product that is split may be rounded otherwise.
    """
    return ThreadPoolExecutor(workers, "part", torch.set_num_threads, (1,)).map


class Gradients:
    """Puts the gradient of a batch into a model, the same to the bit for any number of workers."""

    def __init__(self, model: LlamaForCausalLM, precision: torch.dtype, each: Each) -> None:
        self._model, self._precision = model, precision
        self._weights = list(model.parameters())
        self._each = each

    def put(self, batch: Batch) -> Tensor:
        """Set each weight's ``grad``; returns the mean loss of an answer's token."""
        answers = batch.answers
        found = list(self._each(lambda part: self._of(part, answers), batch.parts))
        for weight, *grads in zip(self._weights, *(grads for _, grads in found), strict=True):
            weight.grad = grads[0]
            for grad in grads[1:]:
                weight.grad.add_(grad)
        return torch.stack([loss for loss, _ in found]).sum()

    def _of(self, part: Part, answers: int) -> Found:
        loss = loss_of(self._model, part, self._precision) / answers
        return loss.detach(), torch.autograd.grad(loss, self._weights)
