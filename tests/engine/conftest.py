"""The engine room's environment, and engines over one tiny model with either forward pass."""

import planner_node.engine  # noqa: F401  isort: skip  before torch: sets how its threads wait

from collections.abc import Callable

import pytest
from transformers import LlamaForCausalLM

from planner_node.engine.core import Engine
from planner_node.engine.cpu.forward import CompiledLlama
from planner_node.engine.kv_cache import KvSlots
from planner_node.engine.limits import EngineLimits
from planner_node.engine.llama import LlamaForward
from planner_node.engine.model import Forward, TransformersForward
from tests.fakes.engine import TINY_CONTEXT_TOKENS, tiny_llama

MODEL = tiny_llama()
LIMITS = EngineLimits(rows=4, waiting=32, prefill_tokens=24, prefixes=2)

MakeEngine = Callable[..., Engine]


def compiled(model: LlamaForCausalLM, slots: KvSlots) -> CompiledLlama:
    return CompiledLlama(LlamaForward(model, slots))


@pytest.fixture(params=[LlamaForward, TransformersForward, compiled])
def make_engine(request: pytest.FixtureRequest) -> MakeEngine:
    """Return a maker of engines over one model, once with each forward pass."""
    forward_of: Callable[[LlamaForCausalLM, KvSlots], Forward] = request.param

    def make(limits: EngineLimits = LIMITS, context_tokens: int = TINY_CONTEXT_TOKENS) -> Engine:
        forward = forward_of(MODEL, KvSlots(limits.rows, context_tokens))
        return Engine(forward, limits)

    return make


@pytest.fixture
def engine(make_engine: MakeEngine) -> Engine:
    return make_engine()
