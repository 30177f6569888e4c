"""The compiled forward gives the scores of the plain one, whatever a step carries."""

import random
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
import torch
from torch import Tensor
from transformers import LlamaForCausalLM

from planner_node.engine.batch import Chunk
from planner_node.engine.cpu.compiling import has_tiles
from planner_node.engine.cpu.forward import CompiledLlama, products_of
from planner_node.engine.kv_cache import KvSlots, Prefix
from planner_node.engine.linears import quantized_head
from planner_node.engine.llama import LlamaForward
from tests.fakes.engine import TINY_VOCABULARY_TOKENS, prompt_of, tiny_llama

CONTEXT_TOKENS = 160
SHAPES = {
    "grouped": {},
    "one key head": {"num_key_value_heads": 1},
    "no groups": {"num_key_value_heads": 4},
    "odd sizes": {"vocab_size": 301, "intermediate_size": 131, "num_hidden_layers": 1},
    "wide heads": {"head_dim": 32, "hidden_size": 48},
    "own head": {"tie_word_embeddings": False},
    "biases": {"attention_bias": True},
}
TILED = {"hidden_size": 64, "head_dim": 16, "vocab_size": 304, "intermediate_size": 160}
NUMBERS = {"float32": torch.float32, "uint16": torch.float16, "int16": torch.bfloat16}
STEPS = [
    [(0, 1, 1)],
    [(0, 2, 2), (1, 1, 0)],
    [(0, 5, 1), (2, 3, 3), (3, 1, 1)],
    [(3, 9, 2), (1, 4, 4), (0, 8, 1)],
    [(2, 41, 1), (0, 7, 7)],
    [(1, 6, 0)],
    [(0, 70, 1), (1, 1, 1)],
]


@pytest.fixture(params=[1, 2, 3], ids=lambda count: f"{count} threads")
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


class Pair:
    """Both forwards over one model, each with slots of its own; all rows hold some tokens."""

    def __init__(
        self,
        model: LlamaForCausalLM,
        *,
        prefix_tokens: int = 0,
        in_tiles: bool = False,
        change: Callable[[LlamaForward], LlamaForward] = lambda forward: forward,
    ) -> None:
        self.plain = change(LlamaForward(model, KvSlots(4, CONTEXT_TOKENS)))
        plain = change(LlamaForward(model, KvSlots(4, CONTEXT_TOKENS)))
        self.compiled = CompiledLlama(plain, in_tiles=in_tiles)
        self.held: dict[int, int] = {}
        self.prefixes: list[Prefix | None] = [None] * 4
        for slot in range(4):
            start = prompt_of(slot // 2, prefix_tokens) + prompt_of(10 + slot, 3 + 11 * slot)
            self.held[slot] = len(start)
            self.scores([Chunk(slot, 0, list(start), 1)])
        if prefix_tokens:
            copies = [self.plain.slots.copy_out(slot, prefix_tokens) for slot in (0, 2)]
            shared = [Prefix(prefix_tokens, copy) for copy in copies]
            self.prefixes = [shared[0], shared[0], shared[1], shared[1]]

    def scores(self, chunks: list[Chunk]) -> tuple[Tensor, Tensor]:
        compiled = self.compiled.scores(self.compiled.hidden(chunks)).clone()
        return compiled, self.plain.scores(self.plain.hidden(chunks))

    def step(self, runs: list[tuple[int, int, int]], seed: int = 0) -> tuple[Tensor, Tensor]:
        """Run (slot, tokens, outputs) and go on from there."""
        chunks = [
            Chunk(slot, self.held[slot], list(prompt_of(seed + slot, count)), outputs, prefix)
            for slot, count, outputs in runs
            for prefix in (self.prefixes[slot],)
        ]
        for slot, count, _ in runs:
            self.held[slot] += count
        return self.scores(chunks)


def numbers_of(model: LlamaForCausalLM, dtype: torch.dtype) -> LlamaForCausalLM:
    """Return the float32 model with weights that this type could hold, and no smaller one."""
    if dtype is torch.bfloat16:
        model.lm_head.weight.data[::2] *= 2.0**-40  # out of the reach of a half beside the others
    return model.to(dtype).float()


@pytest.mark.parametrize("shape", SHAPES)
@torch.inference_mode()
def test_scores_are_those_of_the_plain_forward(shape: str, threads: int) -> None:
    pair = Pair(tiny_llama(**SHAPES[shape]))
    for seed, runs in enumerate(STEPS):
        compiled, plain = pair.step(runs, seed)
        torch.testing.assert_close(compiled, plain, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kept", NUMBERS)
@torch.inference_mode()
def test_weights_take_no_more_bytes_than_they_need(kept: str) -> None:
    pair = Pair(numbers_of(tiny_llama(vocab_size=301, tie_word_embeddings=False), NUMBERS[kept]))
    assert {one.numbers.dtype.name for one in pair.compiled._kept} == {kept}
    for seed, runs in enumerate(STEPS):
        compiled, plain = pair.step(runs, seed)
        torch.testing.assert_close(compiled, plain, rtol=1e-4, atol=1e-4)


@torch.inference_mode()
def test_rows_that_begin_alike_meet_their_beginning_together(threads: int) -> None:
    pair = Pair(tiny_llama(), prefix_tokens=40)
    chance = random.Random(0)
    for seed in range(12):
        slots = chance.sample(range(4), chance.randint(1, 4))
        runs = [(slot, length := chance.randint(1, 6), chance.randint(0, length)) for slot in slots]
        compiled, plain = pair.step(runs, seed)
        torch.testing.assert_close(compiled, plain, rtol=1e-4, atol=1e-4)


@torch.inference_mode()
def test_a_row_is_filled_to_the_last_cell_of_its_context() -> None:
    pair = Pair(tiny_llama())
    start = list(prompt_of(1, CONTEXT_TOKENS - 3))
    for slot in range(4):
        pair.scores([Chunk(slot, 0, start, 0)])
    compiled, plain = pair.scores([Chunk(slot, len(start), [5, 6, 7], 3) for slot in range(4)])
    torch.testing.assert_close(compiled, plain, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("spoiled", [torch.nan, torch.inf, -torch.inf])
@torch.inference_mode()
def test_what_is_no_number_is_not_hidden(spoiled: float) -> None:
    """The engine ends rows by it, see ``refusal``; and only the row that has it."""
    model = tiny_llama()
    pair = Pair(model)
    token_id = TINY_VOCABULARY_TOKENS - 1
    for forward in (pair.plain, pair.compiled._plain):
        forward.embedding = forward.embedding.clone()
        forward.embedding[token_id] = spoiled
    again = CompiledLlama(pair.compiled._plain)
    hidden = again.hidden([Chunk(0, 3, [token_id], 1), Chunk(1, 14, [5], 1)])
    assert not hidden[0].isfinite().any()
    assert hidden[1].isfinite().all()


@pytest.mark.skipif(not has_tiles(), reason="no tile registers (AMX)")
@torch.inference_mode()
def test_products_in_tiles_are_those_of_float32(threads: int) -> None:
    pair = Pair(tiny_llama(**TILED).bfloat16().float(), in_tiles=True, prefix_tokens=40)
    assert {one.numbers.dtype.name for one in pair.compiled._kept} == {"int32"}
    for seed, runs in enumerate(STEPS):
        compiled, plain = pair.step(runs, seed)
        torch.testing.assert_close(compiled, plain, rtol=1e-4, atol=1e-4)


@pytest.mark.skipif(not has_tiles(), reason="no tile registers (AMX)")
@torch.inference_mode()
def test_a_model_that_computes_in_bfloat16_is_rounded_where_it_rounds(threads: int) -> None:
    """Not to the last bit: sums are added up in another order, and some then round otherwise."""
    pair = Pair(tiny_llama(**TILED).bfloat16(), in_tiles=True, prefix_tokens=40)
    both = [pair.step(runs, seed) for seed, runs in enumerate(STEPS)]
    scores, plain = (torch.cat(side).double() for side in zip(*both, strict=True))
    assert torch.cosine_similarity(scores, plain, dim=-1).min() > 0.9995


def quantized(forward: LlamaForward) -> LlamaForward:
    """Make all products int8, as those of a model that was loaded so."""
    forward._layers = [
        replace(
            layer,
            **{
                name: quantized_head(getattr(layer, name).weight)
                for name in ("qkv", "out", "gate_up", "down")
            },
        )
        for layer in forward._layers
    ]
    forward._head = quantized_head(forward.embedding)
    return forward


@pytest.mark.skipif(not has_tiles(), reason="no tile registers (AMX)")
@torch.inference_mode()
def test_int8_weights_are_whole_numbers_in_tiles(threads: int) -> None:
    model = tiny_llama(**TILED).bfloat16()
    pair = Pair(model, in_tiles=True, prefix_tokens=40, change=quantized)
    assert {one.numbers.dtype.name for one in pair.compiled._kept} == {"int32"}
    both = [pair.step(runs, seed) for seed, runs in enumerate(STEPS)]
    scores, plain = (torch.cat(side).double() for side in zip(*both, strict=True))
    assert torch.cosine_similarity(scores, plain, dim=-1).min() > 0.999


@torch.inference_mode()
def test_weights_that_are_no_tiles_are_read_in_rows() -> None:
    for model in (tiny_llama(**TILED), tiny_llama().bfloat16().float()):
        pair = Pair(model, in_tiles=True)
        assert {one.numbers.dtype.name for one in pair.compiled._kept} <= {"float32", "uint16"}


def test_only_what_it_computes_alike_is_compiled() -> None:
    slots = KvSlots(1, 32)
    assert products_of(LlamaForward(tiny_llama(), slots))
    assert not products_of(LlamaForward(tiny_llama(head_dim=12), slots))
    assert not products_of(LlamaForward(tiny_llama(**TILED).bfloat16(), slots))
    assert not products_of(LlamaForward(tiny_llama(head_dim=8).bfloat16(), slots), in_tiles=True)
    int8 = quantized(LlamaForward(tiny_llama(**TILED).bfloat16(), slots))
    assert products_of(int8, in_tiles=True)
    assert not products_of(int8)
