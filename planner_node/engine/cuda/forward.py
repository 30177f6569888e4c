"""The forward of a Llama on a CUDA device: short steps are recordings, prompts run as they come."""

import torch
from torch import Tensor

from planner_node.engine.batch import Chunk
from planner_node.engine.cuda.attention import decode_attention
from planner_node.engine.cuda.graphs import FixedStep, GraphRunner, Recorder
from planner_node.engine.llama import LlamaForward


class RecordedLlama:
    """Computes what ``plain`` computes, over the same weights and slots; see ``graphs``."""

    def __init__(self, plain: LlamaForward, record: Recorder | None = None) -> None:
        self._plain = plain
        self.slots = plain.slots
        self.vocabulary_tokens = plain.vocabulary_tokens
        self.device = plain.device
        self._runner = GraphRunner(
            self._run, plain.device, self._cell(0, self.slots.scratch_position), record
        )

    @torch.inference_mode()
    def prepare(self) -> None:
        """Record every size; takes seconds, at the start."""
        self._runner.prepare()

    def hidden(self, chunks: list[Chunk]) -> Tensor:
        """Run the chunks and return [outputs, hidden], in the order of ``chunks``."""
        num_tokens = sum(len(chunk.token_ids) for chunk in chunks)
        if not self._runner.fits(num_tokens):
            return self._plain.hidden(chunks)
        hidden = self._runner.hidden(
            (
                [token_id for chunk in chunks for token_id in chunk.token_ids],
                [self._cell(c.slot, at) for c in chunks for at in range(c.start, c.stop)],
                [at for chunk in chunks for at in range(chunk.start, chunk.stop)],
                [chunk.slot for chunk in chunks for _ in chunk.token_ids],
            )
        )
        return hidden[torch.tensor(outputs_of(chunks), dtype=torch.long, device=self.device)]

    def scores(self, hidden: Tensor) -> Tensor:
        return self._plain.scores(hidden)

    def _run(self, step: FixedStep) -> Tensor:
        def attend(index: int, qkv: Tensor) -> Tensor:
            queries = qkv[:, : self._plain.heads.queries]
            return decode_attention(queries, self._plain.kv[index], step.slots, step.positions)

        x = self._plain.through_layers(step.token_ids, step.kv_cells, step.positions, attend)
        return self._plain.final_norm(x)

    def _cell(self, slot: int, position: int) -> int:
        return slot * (self.slots.context_tokens + 1) + position


def outputs_of(chunks: list[Chunk]) -> list[int]:
    """Return where, chunks one after the other, the tokens lie whose scores are wanted."""
    places: list[int] = []
    stop = 0
    for chunk in chunks:
        stop += len(chunk.token_ids)
        places += range(stop - chunk.num_outputs, stop)
    return places
