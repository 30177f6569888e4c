"""int8 on a CPU: what a request is answered depends on nobody beside it, nor on guesses."""

import pytest

from planner_node.engine.assembly import assemble
from planner_node.engine.core import Engine
from planner_node.engine.limits import EngineLimits
from planner_node.engine.loading import LoadedModel, ModelSpec, load
from planner_node.engine.request import Request
from tests.fakes.engine import prompt_of, run_together, write_tiny_llama

REQUESTS = 12


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    folder = tmp_path_factory.mktemp("llama")
    write_tiny_llama(folder)
    return load(ModelSpec(str(folder), dtype="float32", quantization="int8", device_map="cpu"))


def requests() -> list[Request]:
    return [Request(str(number), prompt_of(number, 9), 4, 40) for number in range(REQUESTS)]


def texts(engine: Engine, together: int) -> dict[str, list[int]]:
    found = {}
    for begin in range(0, REQUESTS, together):
        answered = run_together(engine, requests()[begin : begin + together])
        found |= {name: list(answer.token_ids) for name, answer in answered.items()}
    return found


def engine_of(loaded: LoadedModel, rows: int, draft_tokens: int) -> Engine:
    limits = EngineLimits(rows=rows, context_tokens=128, draft_tokens=draft_tokens)
    return assemble(loaded, limits)


@pytest.mark.parametrize(("rows", "draft_tokens"), [(REQUESTS, 0), (1, 128), (REQUESTS, 128)])
def test_text_is_that_of_a_request_alone(loaded: LoadedModel, rows: int, draft_tokens: int) -> None:
    alone = texts(engine_of(loaded, rows=1, draft_tokens=0), together=1)
    assert texts(engine_of(loaded, rows, draft_tokens), together=rows) == alone
