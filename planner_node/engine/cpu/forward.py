"""Steps of a few tokens of a small Llama on a CPU, compiled; longer ones go through torch."""

import logging
from collections import Counter
from copy import copy
from functools import partial
from itertools import accumulate, chain
from typing import Any, Final, Self

import numpy as np
import torch
from torch import Tensor

from planner_node.clock import monotonic_s
from planner_node.engine.attention import FEWEST_SHARED_TOKENS
from planner_node.engine.batch import Chunk
from planner_node.engine.cpu.attention_kernel import NUMBERS
from planner_node.engine.cpu.compiling import is_kept
from planner_node.engine.cpu.crew import MOST_PARTS, Crew
from planner_node.engine.cpu.llama_kernel import run
from planner_node.engine.cpu.products_kernel import TOKENS
from planner_node.engine.cpu.tables import (
    Buffers,
    Model,
    Step,
    buffers_of,
    model_of,
    numbers_of,
    padded,
    table,
)
from planner_node.engine.cpu.tiles_kernel import SIDE
from planner_node.engine.cpu.weights import Keepable, Numbers, fits_tiles, keep_all
from planner_node.engine.kv_cache import KvSlots, Prefix
from planner_node.engine.linears import Int8Linear
from planner_node.engine.llama import LlamaForward
from planner_node.engine.plain import PlainLinear

log = logging.getLogger(__name__)

MOST_TOKENS: Final = 64  # of a compiled step; more are better off with torch's products,
MOST_TILED_TOKENS: Final = 512  # but not where tile registers multiply
MOST_NUMBERS: Final = 1 << 28  # in all weights: of a larger model the calls are a small part


class CompiledLlama:
    """Computes what ``plain`` computes, over the same slots; steps of few tokens in one call."""

    def __init__(
        self,
        plain: LlamaForward,
        *,
        in_tiles: bool = False,
    ) -> None:
        """Take over the weights; ``in_tiles`` for tile registers, where these have the sizes."""
        self.vocabulary_tokens = plain.vocabulary_tokens
        self.device = plain.device
        heads_fit = plain.heads.size % SIDE == 0
        # the model has only addresses
        self._kept = keep_all(
            products_of(plain, in_tiles=in_tiles), in_tiles=in_tiles and heads_fit
        )
        is_tiled = self._kept[0].numbers.dtype == np.int32
        self._most_tokens = MOST_TILED_TOKENS if is_tiled else MOST_TOKENS
        self._take(plain)

    def beside(self, slots: KvSlots) -> Self:
        """Return a forward over the same weights, for another thread, with slots of its own."""
        other = copy(self)
        other._take(self._plain.beside(slots))  # noqa: SLF001  of its own kind
        return other

    def _take(self, plain: LlamaForward) -> None:
        self._plain = plain
        self.slots = plain.slots
        self._model = model_of(plain, self._kept)
        self._buffers = buffers_of(self._model, self._most_tokens, plain.slots.context_tokens)
        self._scores = table(TOKENS, self.vocabulary_tokens)
        self._crew = Crew()

    @torch.inference_mode()
    def prepare(self) -> None:
        """Compile, or load what was compiled before; the first start of all takes seconds."""
        if not is_kept():
            log.info("compiling steps of few tokens for this processor: some seconds, once")
        begun_s = monotonic_s()
        self.hidden([Chunk(0, 0, [0], 1)])
        if self._most_tokens < MOST_TILED_TOKENS:  # torch is given long prompts: make it ready
            self._plain.scores(self._plain.hidden([Chunk(0, 0, [0], 1)]))
        log.info("steps of few tokens are compiled after %.1f s", monotonic_s() - begun_s)

    def hidden(self, chunks: list[Chunk]) -> Tensor:
        """Run the chunks and return the logits [outputs, vocabulary] already.

        Those of few tokens are good until the next step.
        """
        if sum(len(chunk.token_ids) for chunk in chunks) > self._most_tokens:
            return self._plain.scores(self._plain.hidden(chunks))
        step = self._step(chunks)
        parts = min(torch.get_num_threads(), MOST_PARTS)
        self._crew.run(partial(_run, self._model, self._buffers, step), parts)
        return torch.from_numpy(self._scores)[: len(step.outputs)]

    def scores(self, hidden: Tensor) -> Tensor:
        return hidden

    def _step(self, chunks: list[Chunk]) -> Step:
        row_cells = self.slots.context_tokens + 1
        lengths = [len(chunk.token_ids) for chunk in chunks]
        stops = list(accumulate(lengths))
        met = _shared_tokens(chunks)
        runs = np.array(
            [
                (stop - length, stop, chunk.slot * row_cells, chunk.start, met[n])
                for n, (stop, length, chunk) in enumerate(zip(stops, lengths, chunks, strict=True))
            ]
        )
        together, groups = _groups(chunks, runs)
        positions = numbers_of(at for chunk in chunks for at in range(chunk.start, chunk.stop))
        outputs = (
            range(stop - chunk.num_outputs, stop) for stop, chunk in zip(stops, chunks, strict=True)
        )
        return Step(
            token_ids=numbers_of(chain.from_iterable(chunk.token_ids for chunk in chunks)),
            positions=positions,
            cells=positions + np.repeat(runs[:, 2], lengths),
            outputs=numbers_of(chain.from_iterable(outputs)),
            apart=np.arange(stops[-1]),
            runs=runs,
            together=together,
            groups=groups,
            scores=self._room_for_scores(sum(chunk.num_outputs for chunk in chunks)),
        )

    def _room_for_scores(self, outputs: int) -> Numbers:
        """Return the table of logits, which is as large as the largest step so far needed."""
        if outputs > len(self._scores):
            self._scores = table(padded(outputs, TOKENS), self.vocabulary_tokens)
        return self._scores


def _shared_tokens(chunks: list[Chunk]) -> list[int]:
    """Return how many keys each chunk meets together with others: those of a prefix they share."""
    users = Counter(chunk.prefix for chunk in chunks)
    return [
        chunk.prefix.num_tokens
        if chunk.prefix is not None
        and users[chunk.prefix] > 1
        and FEWEST_SHARED_TOKENS <= chunk.prefix.num_tokens <= chunk.start
        else 0
        for chunk in chunks
    ]


def _groups(chunks: list[Chunk], runs: Numbers) -> tuple[Numbers, Numbers]:
    """Return the tokens of rows that share a prefix, those of one after those of another.

    And for each prefix where these begin and end, the cells of a row that holds it, its length.
    """
    rows: dict[Prefix, list[int]] = {}
    for row, chunk in enumerate(chunks):
        if chunk.prefix is not None and runs[row, 4]:
            rows.setdefault(chunk.prefix, []).append(row)
    together: list[int] = []
    groups = []
    for prefix, sharing in rows.items():
        first = len(together)
        together += (token for row in sharing for token in range(runs[row, 0], runs[row, 1]))
        groups.append((first, len(together), runs[sharing[0], 2], prefix.num_tokens))
    return numbers_of(together), np.array(groups, np.int64).reshape(-1, 4)


def products_of(plain: LlamaForward, *, in_tiles: bool = False) -> list[Keepable]:
    """Return the products of a small model on a CPU; none of one that is not compiled.

    That computes in float32, or in bfloat16 where these fit tile registers, int8 weights too.
    """
    is_tileable = in_tiles and plain.dtype is torch.bfloat16 and plain.heads.size % SIDE == 0
    kinds = (PlainLinear, Int8Linear) if is_tileable else (PlainLinear,)
    products = [each for each in plain.products() if isinstance(each, kinds)]
    is_whole = plain.device.type == "cpu" and len(products) == len(plain.products())
    fits = plain.heads.size % NUMBERS == 0
    is_small = sum(product.weight.numel() for product in products) <= MOST_NUMBERS
    is_float = plain.dtype is torch.float32
    if is_tileable:
        is_float = all(fits_tiles(product.weight) for product in products)
    return products if is_whole and fits and is_float and is_small else []


def _run(model: Model, buffers: Buffers, step: Step, *where: Any) -> None:  # noqa: ANN401
    run(*where, model, buffers, step)
