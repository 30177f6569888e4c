"""Steps of a few tokens of a float32 Llama on a CPU, compiled; longer ones go through torch."""

import logging
from collections import Counter
from collections.abc import Iterable
from functools import partial
from itertools import accumulate, chain
from typing import Any, Final, NamedTuple

import numpy as np
import torch
from torch import Tensor

from planner_node.clock import monotonic_s
from planner_node.engine.attention import FEWEST_SHARED_TOKENS
from planner_node.engine.batch import Chunk
from planner_node.engine.cpu.attention_kernel import KEYS
from planner_node.engine.cpu.compiling import is_kept
from planner_node.engine.cpu.crew import MOST_PARTS, Crew
from planner_node.engine.cpu.lanes_kernel import LANES
from planner_node.engine.cpu.llama_kernel import run
from planner_node.engine.cpu.products_kernel import TOKENS
from planner_node.engine.cpu.tiles_kernel import DEPTH, PARTS, SHAPE, SIDE
from planner_node.engine.cpu.weights import Kept, Numbers, fits_tiles, keep_all
from planner_node.engine.kv_cache import Prefix
from planner_node.engine.llama import LlamaForward
from planner_node.engine.plain import PlainLinear

log = logging.getLogger(__name__)

MOST_TOKENS: Final = 64  # of a compiled step; more are better off with torch's products,
MOST_TILED_TOKENS: Final = 512  # but not where tile registers multiply
MOST_NUMBERS: Final = 1 << 28  # in all weights: of a larger model the calls are a small part


class Shape(NamedTuple):
    """Sizes of a model; ``active`` is the width inside the feed-forward."""

    layers: int
    hidden: int
    active: int
    heads: int
    key_heads: int
    vocabulary: int


class Model(NamedTuple):
    """What stays the same: ``head`` is as long as a head is wide, which the compiler then knows.

    ``weights`` and ``biases`` are addresses: of qkv, out, gate with up, and down of each layer, at
    last of the model's head; ``number`` is one of the weights' numbers. ``kv`` [layers, cells,
    2 x key heads, size].
    """

    shape: Shape
    head: tuple[int, ...]
    number: Any
    embedding: Numbers
    weights: Numbers
    scales: Numbers
    biases: Numbers
    norms: Numbers
    epsilon: np.float32
    cosine: Numbers
    sine: Numbers
    kv: Numbers


class Buffers(NamedTuple):
    """What is overwritten at each step; those after ``active`` have a table for each part."""

    x: Numbers
    qkv: Numbers
    mixed: Numbers
    tiles: Numbers
    sums: Numbers
    registers: Numbers
    ups: Numbers
    active: Numbers
    mine: Numbers
    queries: Numbers
    weights: Numbers
    found: Numbers
    top: Numbers
    total: Numbers
    tops: Numbers
    totals: Numbers


class Step(NamedTuple):
    """One step's tokens: ids, positions and cells [tokens], and where they are in these.

    ``runs`` [rows, 5] are of ``apart``, ``groups`` [prefixes, 4] of ``together``, see ``attend``
    and ``attend_shared``.
    """

    token_ids: Numbers
    positions: Numbers
    cells: Numbers
    apart: Numbers
    runs: Numbers
    together: Numbers
    groups: Numbers
    outputs: Numbers
    scores: Numbers


class CompiledLlama:
    """Computes what ``plain`` computes, over the same slots; steps of few tokens in one call."""

    def __init__(
        self,
        plain: LlamaForward,
        *,
        in_tiles: bool = False,
    ) -> None:
        """Take over the weights; ``in_tiles`` for tile registers, where these have the sizes."""
        self._plain = plain
        self.slots = plain.slots
        self.vocabulary_tokens = plain.vocabulary_tokens
        self.device = plain.device
        heads_fit = plain.heads.size % SIDE == 0
        # the model has only addresses
        self._kept = keep_all(
            products_of(plain, in_tiles=in_tiles), in_tiles=in_tiles and heads_fit
        )
        self._model = _model(plain, self._kept)
        is_tiled = self._kept[0].numbers.dtype == np.int32
        self._most_tokens = MOST_TILED_TOKENS if is_tiled else MOST_TOKENS
        self._buffers = _buffers(self._model, self._most_tokens, plain.slots.context_tokens)
        self._scores = _table(TOKENS, self.vocabulary_tokens)
        self._crew = Crew()

    @torch.inference_mode()
    def prepare(self) -> None:
        """Compile, or load what was compiled before; the first start of all takes seconds."""
        if not is_kept():
            log.info("compiling steps of few tokens for this processor: some seconds, once")
        begun_s = monotonic_s()
        self.hidden([Chunk(0, 0, [0], 1)])
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
        positions = _numbers(at for chunk in chunks for at in range(chunk.start, chunk.stop))
        outputs = (
            range(stop - chunk.num_outputs, stop) for stop, chunk in zip(stops, chunks, strict=True)
        )
        return Step(
            token_ids=_numbers(chain.from_iterable(chunk.token_ids for chunk in chunks)),
            positions=positions,
            cells=positions + np.repeat(runs[:, 2], lengths),
            outputs=_numbers(chain.from_iterable(outputs)),
            apart=np.arange(stops[-1]),
            runs=runs,
            together=together,
            groups=groups,
            scores=self._room_for_scores(sum(chunk.num_outputs for chunk in chunks)),
        )

    def _room_for_scores(self, outputs: int) -> Numbers:
        """Return the table of logits, which is as large as the largest step so far needed."""
        if outputs > len(self._scores):
            self._scores = _table(_padded(outputs, TOKENS), self.vocabulary_tokens)
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
    return _numbers(together), np.array(groups, np.int64).reshape(-1, 4)


def products_of(plain: LlamaForward, *, in_tiles: bool = False) -> list[PlainLinear]:
    """Return the products of a small model on a CPU; none of one that is not compiled.

    That computes in float32, or in bfloat16 where these fit tile registers.
    """
    products = [each for each in plain.products() if isinstance(each, PlainLinear)]
    is_whole = plain.device.type == "cpu" and len(products) == len(plain.products())
    is_small = sum(product.weight.numel() for product in products) <= MOST_NUMBERS
    is_float = plain.dtype is torch.float32
    if in_tiles and plain.dtype is torch.bfloat16 and plain.heads.size % SIDE == 0:
        is_float = all(fits_tiles(product.weight) for product in products)
    return products if is_whole and is_float and is_small else []


def _as_numbers(tensor: Tensor) -> Numbers:
    """Return a tensor as it lies in memory, bfloat16 as int16."""
    is_bfloat16 = tensor.dtype is torch.bfloat16
    numbers: Numbers = (tensor.view(torch.int16) if is_bfloat16 else tensor).numpy()
    return numbers


def _run(model: Model, buffers: Buffers, step: Step, *where: Any) -> None:  # noqa: ANN401
    run(*where, model, buffers, step)


def _numbers(values: Iterable[int]) -> Numbers:
    return np.fromiter(values, np.int64)


def _model(plain: LlamaForward, kept: list[Kept]) -> Model:
    heads, norms = plain.heads, plain.norms()
    layers = len(plain.kv)
    hidden, active = plain.embedding.shape[1], len(kept[2].bias) // 2
    cosine, sine = plain.rope
    return Model(
        shape=Shape(layers, hidden, active, heads.queries, heads.keys, plain.vocabulary_tokens),
        head=(0,) * heads.size,
        number=kept[0].numbers.dtype.type(0),
        embedding=_as_numbers(plain.embedding),
        weights=_numbers(one.numbers.ctypes.data for one in kept),
        scales=np.array([one.scale for one in kept], np.float32),
        biases=_numbers(one.bias.ctypes.data for one in kept),
        norms=torch.stack([norm.weight for norm in norms]).float().numpy(),
        epsilon=np.float32(norms[0].epsilon),
        cosine=cosine[:, 0].float().contiguous().numpy(),
        sine=sine[:, 0].float().contiguous().numpy(),
        kv=_as_numbers(plain.kv.view(layers, -1, 2 * heads.keys, heads.size)),
    )


def _buffers(model: Model, most_tokens: int, context_tokens: int) -> Buffers:
    shape, size = model.shape, len(model.head)
    tokens = _padded(most_tokens, TOKENS)
    width = max(shape.hidden, shape.heads * size)
    widest = _padded(max(width, shape.active), DEPTH)
    return Buffers(
        x=_table(tokens, shape.hidden),
        qkv=_table(tokens, (shape.heads + 2 * shape.key_heads) * size),
        mixed=_table(tokens, shape.heads * size),
        tiles=np.zeros((MOST_PARTS, PARTS * _padded(most_tokens, SIDE) * widest), np.int16),
        sums=_table(MOST_PARTS, 4 * SIDE, SIDE),
        registers=SHAPE,
        ups=_table(tokens, shape.active),
        active=_table(tokens, shape.active),
        mine=_table(MOST_PARTS, tokens, width),
        queries=_table(MOST_PARTS, size * LANES),
        weights=_table(MOST_PARTS, _padded(context_tokens, KEYS) * LANES),
        found=_table(MOST_PARTS, size * LANES),
        top=_table(MOST_PARTS, LANES),
        total=_table(MOST_PARTS, LANES),
        tops=_table(tokens, shape.heads),
        totals=_table(tokens, shape.heads),
    )


def _padded(count: int, step: int) -> int:
    return -(-count // step) * step


def _table(*shape: int) -> Numbers:
    return np.zeros(shape, np.float32)
