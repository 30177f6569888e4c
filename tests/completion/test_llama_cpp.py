"""The remote engine against a real server: llama.cpp's, with the embedded model."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from dataclasses import replace
from functools import partial

import httpx2
import pytest

from messages.task import TaskCommand
from planner_node.clock import monotonic_s
from planner_node.completion.loading import EMBEDDED_FOLDER, completer_over
from planner_node.completion.local import LocalCompleter
from planner_node.completion.request import (
    CompletionRequest,
    FinishReason,
    Tool,
    ToolUse,
)
from planner_node.engine.assembly import assemble
from planner_node.engine.limits import EngineLimits
from planner_node.engine.loading import LoadedModel, ModelSpec, load
from planner_node.engine.worker import EngineWorker
from planner_node.errors import ContextTooLong, DeadlinePassed
from planner_node.prompt.conversation import task_conversation
from planner_node.settings import PlannerSettings
from tests.fakes.asked import told
from tests.fakes.catalog import shipped_catalog
from tests.fakes.llama_cpp import embedded_gguf, llama_cpp_server
from tests.fakes.remote import Remote, engine, remote_engine
from tests.fakes.waiting import until_it_is

pytestmark = pytest.mark.slow

TASKS = [
    "將書本放在側桌上。",
    "put some book on sidetable",
    "請先打開冰箱，拿出牛奶，再關上冰箱門。",
    "Bring the red cup from the kitchen to the bedroom, then go back.",
    "今天天氣如何？",
]
LONG = {"type": "array", "minItems": 40, "maxItems": 40, "items": {"const": "很長的文字" * 5}}
LOOP = Tool("loop", "", {"properties": {"x": LONG}, "required": ["x"]})


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Yield the address of a server of its own process."""
    with llama_cpp_server(embedded_gguf(tmp_path_factory.mktemp("llama"))) as url:
        yield url


@pytest.fixture(scope="module")
def embedded() -> LoadedModel:
    return load(ModelSpec(id=str(EMBEDDED_FOLDER)))


@pytest.fixture
async def local(embedded: LoadedModel) -> AsyncIterator[LocalCompleter]:
    """Yield the engine of this process with the same weights."""
    limits = EngineLimits(rows=2, context_tokens=embedded.context_tokens)
    async with EngineWorker(lambda: assemble(embedded, limits)) as worker:
        yield completer_over(embedded, worker)


@pytest.fixture
async def remote(url: str) -> AsyncIterator[Remote]:
    """Yield an engine that finds out for itself what the server is."""
    settings = engine(url, prompt="tokens", context_tokens=2048)
    async with remote_engine(settings) as remote:
        yield remote


def asked(task: str) -> CompletionRequest:
    """Return what the node asks its model for a task, with all three answers to choose from."""
    command = TaskCommand(instruction=task)
    conversation = task_conversation(command, shipped_catalog(), PlannerSettings().answers)
    return CompletionRequest(
        request_id="one",
        messages=conversation.messages,
        tools=conversation.tools,
        tool_choice=conversation.tool_choice,
        language=conversation.language,
        preferred=(("decompose_task", PlannerSettings().plan_bias_logits),),
    )


@pytest.mark.parametrize("task", TASKS)
async def test_greedy_answer_is_the_same_as_here(
    task: str, remote: Remote, local: LocalCompleter
) -> None:
    ours, here = await told(local, asked(task))
    theirs, completed = await told(remote.completer, asked(task))
    assert theirs == ours
    assert completed.usage.prompt_tokens == here.usage.prompt_tokens
    assert completed.finish is FinishReason.TOOL_CALL


async def test_server_is_recognised_and_its_cost_told(remote: Remote) -> None:
    served = remote.model.endpoints[0].served
    assert served is not None
    assert (served.model, served.field, served.context_tokens) == ("embedded", "json_schema", 2048)
    chunks: list[str] = []
    _, completed = await told(remote.completer, asked(TASKS[0]), chunks)
    assert completed.usage.prompt_tokens > 0
    assert completed.usage.completion_tokens >= len(chunks) > 10


async def test_schema_rules_where_the_model_would_write_something_else(remote: Remote) -> None:
    colour = Tool("paint", "", {"properties": {"c": {"enum": ["淺藍", "teal"]}}, "required": ["c"]})
    text, completed = await told(
        remote.completer, replace(asked(TASKS[0]), tools=(colour,), preferred=())
    )
    assert text in {
        '{"name": "paint", "parameters": {"c": "淺藍"}}',
        '{"name": "paint", "parameters": {"c": "teal"}}',
    }
    assert completed.finish is FinishReason.TOOL_CALL


async def test_free_text_ends_by_itself_or_by_the_limit(remote: Remote) -> None:
    request = replace(asked(TASKS[1]), tool_choice=ToolUse.NONE, max_new_tokens=20)
    _, completed = await told(remote.completer, request)
    assert completed.finish in {FinishReason.STOP, FinishReason.LENGTH}


async def test_many_at_once_are_all_answered(remote: Remote, local: LocalCompleter) -> None:
    ours, _ = await told(local, asked(TASKS[0]))
    theirs = await asyncio.gather(*(told(remote.completer, asked(TASKS[0])) for _ in range(8)))
    assert {text for text, _ in theirs} == {ours}


async def busy(client: httpx2.AsyncClient) -> int:
    """Ask the server how many answers it is writing."""
    return sum(slot["is_processing"] for slot in (await client.get("/slots")).json())


async def test_who_leaves_stops_the_server(remote: Remote, url: str) -> None:
    request = replace(asked(TASKS[0]), tools=(LOOP,), preferred=(), max_new_tokens=2_000)
    async with httpx2.AsyncClient(base_url=url) as client:
        async with aclosing(remote.completer.stream(request)) as events:
            await anext(events)
            assert await busy(client) == 1
        await until_it_is(partial(busy, client), 0)


async def test_prompt_that_does_not_fit_is_refused_before_it_is_sent(remote: Remote) -> None:
    with pytest.raises(ContextTooLong, match="2048"):
        await told(remote.completer, asked("拿" * 3_000))
    assert remote.model.endpoints[0].asked == 0


async def test_deadline_stops_the_server(remote: Remote, url: str) -> None:
    request = replace(asked(TASKS[0]), tools=(LOOP,), preferred=(), max_new_tokens=2_000)
    with pytest.raises(DeadlinePassed):
        await told(remote.completer, replace(request, deadline_s=monotonic_s() + 0.2))
    async with httpx2.AsyncClient(base_url=url) as client:
        await until_it_is(partial(busy, client), 0)
