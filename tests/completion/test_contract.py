"""What every ``Completer`` keeps to: the scripted one, a model's here, and one over a server."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace

import jsonschema
import pytest

from planner_node.clock import monotonic_s
from planner_node.completion.request import (
    Completer,
    FinishReason,
    Message,
    NamedTool,
    TextChunk,
    Tool,
    ToolUse,
)
from planner_node.errors import ContextTooLong, DeadlinePassed, UnsupportedSchema
from planner_node.stream.subtasks import CallClosed, CallReader
from tests.fakes.asked import ASKED, TASK, told
from tests.fakes.completion import ScriptedCompleter
from tests.fakes.local import local_completer
from tests.fakes.openai_server import OpenAiServer
from tests.fakes.remote import engine, remote_engine


@pytest.fixture(params=["scripted", "local", "remote"])
async def completer(request: pytest.FixtureRequest) -> AsyncIterator[Completer]:
    """Yield one completer after the other."""
    if request.param == "scripted":
        yield ScriptedCompleter()
        return
    if request.param == "local":
        async with local_completer() as local:
            yield local
        return
    async with OpenAiServer().listening() as server, remote_engine(engine(server.url)) as remote:
        yield remote.completer


async def test_text_is_one_valid_call_of_the_offered_tool(completer: Completer) -> None:
    text, completed = await told(completer)
    closed = CallReader().feed(text)[-1]
    assert isinstance(closed, CallClosed)
    assert closed.call.name == "decompose_task"
    jsonschema.validate(closed.call.arguments, dict(TASK.parameters))
    assert completed.finish is FinishReason.TOOL_CALL
    assert json.loads(text)  # and nothing after the last brace


async def test_usage_tells_what_it_cost(completer: Completer) -> None:
    _, completed = await told(completer)
    usage = completed.usage
    assert usage.prompt_tokens > 0
    assert 0 < usage.completion_tokens <= ASKED.max_new_tokens
    assert 0 <= usage.forward_passes <= usage.completion_tokens  # 0: not known
    assert 0 <= usage.first_token_ms <= usage.latency_ms


async def test_text_comes_in_pieces(completer: Completer) -> None:
    async with aclosing(completer.stream(ASKED)) as events:
        chunks = [event async for event in events if isinstance(event, TextChunk)]
    assert len(chunks) > 3


async def test_token_limit_ends_with_length(completer: Completer) -> None:
    text, completed = await told(completer, replace(ASKED, max_new_tokens=8))
    assert completed.finish is FinishReason.LENGTH
    assert text.startswith('{"name":')
    assert completed.usage.completion_tokens <= 8


async def test_answer_without_tools_is_text(completer: Completer) -> None:
    asked = replace(ASKED, tools=(), max_new_tokens=12)
    _, completed = await told(completer, asked)
    assert completed.finish in {FinishReason.STOP, FinishReason.LENGTH}


async def test_refused_tools_leave_text(completer: Completer) -> None:
    asked = replace(ASKED, tool_choice=ToolUse.NONE, max_new_tokens=12)
    _, completed = await told(completer, asked)
    assert completed.finish in {FinishReason.STOP, FinishReason.LENGTH}


async def test_named_tool_is_the_one_called(completer: Completer) -> None:
    other = Tool("other", "", {})
    asked = replace(ASKED, tools=(TASK, other), tool_choice=NamedTool("other"))
    text, completed = await told(completer, asked)
    assert json.loads(text) == {"name": "other", "parameters": {}}
    assert completed.finish is FinishReason.TOOL_CALL


async def test_many_at_once_each_get_their_own_answer(completer: Completer) -> None:
    asked = [replace(ASKED, request_id=f"r{place}") for place in range(6)]
    answers = await asyncio.gather(*(told(completer, each) for each in asked))
    assert all(completed.finish is FinishReason.TOOL_CALL for _, completed in answers)


async def test_reader_that_leaves_harms_nobody(completer: Completer) -> None:
    async with aclosing(completer.stream(ASKED)) as events:
        await anext(events)
    text, _ = await told(completer, replace(ASKED, request_id="two"))
    assert json.loads(text)


async def test_schema_that_cannot_be_kept_is_refused_by_check(completer: Completer) -> None:
    with pytest.raises(UnsupportedSchema):
        completer.check((Tool("t", "", {"not": {}}),))


async def test_schema_that_cannot_be_kept_is_refused_by_stream(completer: Completer) -> None:
    asked = replace(ASKED, tools=(Tool("t", "", {"not": {}}),))
    with pytest.raises(UnsupportedSchema):
        await told(completer, asked)


async def test_good_schema_passes_check(completer: Completer) -> None:
    completer.check((TASK,))


async def test_endless_conversation_is_refused(completer: Completer) -> None:
    asked = replace(ASKED, messages=(Message("user", "書" * 1_000_000),))
    with pytest.raises(ContextTooLong):
        await told(completer, asked)


async def test_deadline_in_the_past_is_told(completer: Completer) -> None:
    with pytest.raises(DeadlinePassed):
        await told(completer, replace(ASKED, deadline_s=monotonic_s() - 1))


async def test_info_describes_the_model(completer: Completer) -> None:
    assert completer.info.context_tokens > 0
    assert completer.info.id
