"""What rows share is read once for all of them, and nobody can tell from the scores."""

from dataclasses import replace

import pytest
import torch

from planner_node.engine.attention import Heads, PrefixViews, StepAttention
from planner_node.engine.batch import Chunk
from planner_node.engine.core import Engine
from planner_node.engine.kv_cache import KvSlots, Prefix
from planner_node.engine.limits import EngineLimits
from planner_node.engine.llama import LlamaForward
from planner_node.engine.request import Request
from tests.engine.conftest import MODEL
from tests.fakes.engine import prompt_of, run_together, tokens_of

PREFIXES = (prompt_of(100, 40), prompt_of(101, 55))
OWN = [prompt_of(n, 6 + 5 * n) for n in range(4)]
NEXT = [[7], [8, 9, 10], [11, 12], [13]]


class Rows:
    """Four rows that begin with one of two prefixes, in turn."""

    def __init__(self) -> None:
        self.forward = LlamaForward(MODEL, KvSlots(4, 128))
        self.starts: list[int] = []
        self.prefixes: list[Prefix] = []
        for slot, own in enumerate(OWN):
            beginning = PREFIXES[slot % 2]
            token_ids = [*beginning, *own]
            self.forward.hidden([Chunk(slot, 0, token_ids, 0)])
            self.starts.append(len(token_ids))
        for slot in range(2):
            num_tokens = len(PREFIXES[slot])
            self.prefixes.append(Prefix(num_tokens, self.forward.slots.copy_out(slot, num_tokens)))

    def scores(self, slots: list[int], *, sharing: bool) -> torch.Tensor:
        chunks = [
            Chunk(slot, self.starts[slot], NEXT[slot], len(NEXT[slot]))
            if not sharing
            else Chunk(
                slot, self.starts[slot], NEXT[slot], len(NEXT[slot]), self.prefixes[slot % 2]
            )
            for slot in slots
        ]
        return self.forward.scores(self.forward.hidden(chunks))


@pytest.mark.parametrize("slots", [[0, 1, 2, 3], [0, 2], [1, 3], [0, 1], [2]])
@torch.inference_mode()
def test_sharing_changes_no_score(slots: list[int]) -> None:
    rows = Rows()
    apart = rows.scores(slots, sharing=False)
    torch.testing.assert_close(rows.scores(slots, sharing=True), apart, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("slots", [[0, 1, 2, 3], [0, 2], [1, 3]])
@torch.inference_mode()
def test_shared_tokens_are_read_from_the_shared_copy(slots: list[int]) -> None:
    rows = Rows()
    apart = rows.scores(slots, sharing=False)
    for buffer in rows.forward.slots._buffers:
        buffer[:, :40] = 0.0
    torch.testing.assert_close(rows.scores(slots, sharing=True), apart, rtol=1e-4, atol=1e-4)


def test_rows_with_a_long_prefix_have_the_tokens_of_rows_without() -> None:
    limits = EngineLimits(rows=4, waiting=32, prefill_tokens=64, prefixes=2)
    unshared = [
        Request(str(n), PREFIXES[n % 2] + prompt_of(n, 3 + n), max_new_tokens=12) for n in range(7)
    ]
    shared = [replace(r, prefix_tokens=len(PREFIXES[n % 2])) for n, r in enumerate(unshared)]
    engines = [Engine(LlamaForward(MODEL, KvSlots(4, 128)), limits) for _ in range(2)]
    for _ in range(2):  # the second time with drafts
        apart, together = (
            run_together(engine, requests)
            for engine, requests in zip(engines, (unshared, shared), strict=True)
        )
        assert tokens_of(together) == tokens_of(apart)
    assert engines[1].stats().prefix_hits > 6


@torch.inference_mode()
def test_short_rows_beside_a_long_one_attend_off_the_cpu_as_on_it() -> None:
    heads = Heads(queries=4, keys=2, size=8)
    kv = torch.randn(1, 2, 33, 2, heads.keys, heads.size)
    chunks = [Chunk(0, 5, [1], 1), Chunk(1, 0, prompt_of(1, 20), 1)]  # two groups
    qkv = torch.randn(21, heads.queries + 2 * heads.keys, heads.size)
    attend = StepAttention(chunks, heads, kv, PrefixViews())
    on_cpu = attend(0, qkv)
    attend._on_cpu = False
    torch.testing.assert_close(attend(0, qkv), on_cpu, rtol=1e-4, atol=1e-4)
