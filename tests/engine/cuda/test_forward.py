"""The recorded forward computes what the plain one computes, whatever shares a step."""

import pytest
import torch

from planner_node.engine.batch import Chunk
from planner_node.engine.core import Engine
from planner_node.engine.cuda.forward import RecordedLlama, outputs_of
from planner_node.engine.cuda.graphs import TOKENS_A_GRAPH, Replay
from planner_node.engine.kv_cache import KvSlots
from planner_node.engine.limits import EngineLimits
from planner_node.engine.llama import LlamaForward
from planner_node.engine.request import Request
from tests.fakes.engine import tiny_llama

ROWS, CONTEXT_TOKENS = 4, 200


def call_again(run: Replay) -> Replay:
    """What stands for a recording where no device can make one."""
    return run


@pytest.fixture
def plain(device: torch.device) -> LlamaForward:
    return LlamaForward(tiny_llama().to(device), KvSlots(ROWS, CONTEXT_TOKENS))


@pytest.fixture
def recorded(device: torch.device) -> RecordedLlama:
    twin = LlamaForward(tiny_llama().to(device), KvSlots(ROWS, CONTEXT_TOKENS))
    return RecordedLlama(twin, None if device.type == "cuda" else call_again)


def ids(start: int, count: int) -> list[int]:
    return [(7 * n) % 290 for n in range(start, start + count)]


STEPS = [
    [Chunk(0, 0, ids(0, 5), 1)],
    [Chunk(0, 5, ids(5, 1), 1), Chunk(1, 0, ids(40, 3), 0), Chunk(3, 0, ids(9, 2), 2)],
    [Chunk(2, 0, ids(1, TOKENS_A_GRAPH[-1] + 10), 1)],  # a prompt too long to be recorded
    [Chunk(1, 3, ids(3, 4), 3), Chunk(2, TOKENS_A_GRAPH[-1] + 10, ids(8, 1), 1)],
    [Chunk(0, 6, ids(6, 1), 1), Chunk(3, 2, ids(2, TOKENS_A_GRAPH[-1] + 10), 1)],  # one beside it
]


@torch.inference_mode()
def test_recorded_forward_equals_the_plain_one(
    plain: LlamaForward, recorded: RecordedLlama
) -> None:
    for chunks in STEPS:
        wanted = plain.scores(plain.hidden(chunks))
        found = recorded.scores(recorded.hidden(chunks))
        torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-3)


def test_recording_first_changes_nothing(recorded: RecordedLlama, plain: LlamaForward) -> None:
    recorded.prepare()
    with torch.inference_mode():
        wanted = plain.scores(plain.hidden(STEPS[0]))
        found = recorded.scores(recorded.hidden(STEPS[0]))
    torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-3)


@pytest.mark.slow
@pytest.mark.timeout(240)  # Triton is interpreted
def test_engine_writes_the_same_ids_with_either(
    plain: LlamaForward, recorded: RecordedLlama
) -> None:
    texts = []
    for forward in (plain, recorded):
        engine = Engine(forward, EngineLimits(rows=ROWS, context_tokens=CONTEXT_TOKENS))
        for number in range(ROWS + 1):
            engine.add(Request(f"r{number}", tuple(ids(number, 4 + number)), max_new_tokens=6))
        written: dict[str, list[int]] = {}
        while not engine.idle:
            for event in engine.step():
                written.setdefault(event.request_id, []).extend(event.token_ids)
        texts.append(written)
    assert texts[0] == texts[1]


def test_outputs_are_the_last_tokens_of_each_chunk() -> None:
    assert outputs_of(STEPS[1]) == [0, 4, 5]
