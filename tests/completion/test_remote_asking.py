"""What a server is asked for, and what it must be able to do before it is used."""

import logging
from dataclasses import replace

import pytest

from planner_node.completion.remote.model import RemoteModel
from planner_node.completion.request import (
    FinishReason,
    Message,
    NamedTool,
    Tool,
    ToolCall,
    ToolUse,
)
from planner_node.errors import (
    ModelNotReady,
    PlanInvalid,
)
from planner_node.settings import EngineSettings, ModelSettings
from tests.fakes.asked import ASKED, TASK, told
from tests.fakes.openai_server import PLAN, OpenAiServer, Played
from tests.fakes.remote import Remote, engine, remote_engine

CANNOT = [
    ({"models": ["a", "b"]}, {}, "has a, b: set the endpoint's model"),
    ({"models": []}, {}, "it has none"),
    ({"models": ["a"]}, {"model": "llama"}, "has no model llama; it has a"),
    ({"key": "geheim"}, {}, "401: Invalid API key - check engine.api_key_file"),
    ({"field_kept": "nothing"}, {}, "does not keep to a schema sent as response_format or"),
    ({}, {"structured_output": "guided_json"}, "does not keep to a schema sent as guided_json"),
]


@pytest.mark.parametrize(("is_so", "settings", "words"), CANNOT)
async def test_server_that_cannot_do_it_is_told_with_what_to_set(
    is_so: dict[str, object], settings: dict[str, str], words: str, server: OpenAiServer
) -> None:
    for name, value in is_so.items():
        setattr(server, name, value)
    assert words in await looked_at(engine(endpoints=[{"url": server.url, **settings}]))


async def looked_at(settings: EngineSettings) -> str:
    """Return why the only endpoint is not used."""
    model = RemoteModel(ModelSettings(), settings)
    _, looking = await model.prepare()
    (endpoint,) = model.endpoints
    await looking.look(endpoint)
    await model.stop()
    return endpoint.reason


@pytest.mark.parametrize(
    "field", ["response_format", "json_schema", "structured_outputs", "guided_json"]
)
@pytest.mark.parametrize("owner", ["vllm", "llamacpp", "somebody"])
async def test_field_that_the_server_keeps_to_is_found(field: str, owner: str) -> None:
    async with OpenAiServer(field, owner).listening() as server:
        async with remote_engine(engine(server.url)) as remote:
            assert (await told(remote.completer))[0] == PLAN
        assert field in server.bodies[0]


async def test_other_tokenizer_is_refused_where_ids_are_sent(server: OpenAiServer) -> None:
    settings = engine(server.url, prompt="tokens", context_tokens=2048)
    server.decodes = "something else"
    assert "another tokenizer than model.id" in await looked_at(settings)
    server.decodes = "Say that you are ready. 請回報。"
    assert await looked_at(settings) == ""
    server.decodes = None  # it cannot say
    assert await looked_at(settings) == ""


async def test_key_goes_to_the_server_and_nowhere_else(
    server: OpenAiServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.key = "geheim-123"
    caplog.set_level(logging.DEBUG)
    async with remote_engine(engine(server.url, api_key="geheim-123")) as remote:
        server.scripts = [Played(status=401, error={"error": {"message": "no"}})]
        with pytest.raises(ModelNotReady) as failure:
            await told(remote.completer)
        assert "geheim" not in f"{failure.value}{failure.value.references}{remote.completer.info}"
    assert "geheim" not in caplog.text


async def test_chat_shows_the_tools_and_keeps_the_turns(
    remote: Remote, server: OpenAiServer
) -> None:
    call = ToolCall("decompose_task", '{"tasks": []}', {"tasks": []})
    turns = (
        Message("system", "You plan."),
        Message("user", "x"),
        Message("assistant", "", (call,)),
        Message("tool", "done"),
    )
    await told(remote.completer, replace(ASKED, messages=turns, seed=7, temperature=0.5))
    body = server.bodies[-1]
    system, *others = body["messages"]
    assert system["content"].startswith("You plan.\n\nGiven the following functions")
    assert '"decompose_task"' in system["content"]
    assert others == [
        {"role": "user", "content": "x"},
        {"role": "assistant", "content": '{"name": "decompose_task", "parameters": {"tasks": []}}'},
        {"role": "user", "content": "done"},
    ]
    assert (body["seed"], body["temperature"], body["max_tokens"]) == (7, 0.5, 900)
    assert "tools" not in body


async def test_context_that_ends_the_answer_is_told(remote: Remote, server: OpenAiServer) -> None:
    server.scripts = [Played(text=PLAN[:20], finish="length"), Played()]
    _, full = await told(remote.completer)
    _, cut = await told(remote.completer, replace(ASKED, max_new_tokens=3))
    assert (full.finish, full.context_tokens) == (FinishReason.LENGTH, 11 + 3)
    assert (cut.finish, cut.context_tokens) == (FinishReason.LENGTH, None)


async def test_room_that_the_prompt_leaves_is_told_where_it_ends_the_answer(
    server: OpenAiServer,
) -> None:
    script = Played(text=PLAN[:20], finish="length", counts=False)
    server.scripts = [script, script]
    settings = engine(server.url, prompt="tokens", context_tokens=2048)
    async with remote_engine(settings) as remote:
        _, full = await told(remote.completer, replace(ASKED, max_new_tokens=4000))
        _, cut = await told(remote.completer, replace(ASKED, max_new_tokens=3))
    assert (full.context_tokens, cut.context_tokens) == (2048, None)


async def test_named_tool_is_the_only_one_in_the_schema(
    remote: Remote, server: OpenAiServer
) -> None:
    other = Tool("other", "", {})
    asked = replace(ASKED, tools=(TASK, other), tool_choice=NamedTool("other"))
    await told(remote.completer, asked)
    schema = server.bodies[-1]["response_format"]["json_schema"]["schema"]
    assert [one["properties"]["name"]["const"] for one in schema["anyOf"]] == ["other"]


async def test_text_or_call_is_free_and_read_all_the_same(
    remote: Remote, server: OpenAiServer
) -> None:
    asked = replace(ASKED, tool_choice=ToolUse.AUTO)
    text, completed = await told(remote.completer, asked)
    assert (text[:2], completed.finish) == ("1.", FinishReason.STOP)
    assert "response_format" not in server.bodies[-1]
    server.scripts = [Played(text=PLAN), Played(text='{"name": "nobody"}')]
    assert (await told(remote.completer, asked))[1].finish is FinishReason.TOOL_CALL
    with pytest.raises(PlanInvalid):
        await told(remote.completer, asked)


async def test_required_properties_come_first_for_servers_that_cannot_do_else(
    remote: Remote, server: OpenAiServer
) -> None:
    parameters = {"properties": {"a": {"type": "boolean"}, "b": {"enum": [1]}}, "required": ["b"]}
    tool = Tool("t", "", parameters)
    server.scripts = [Played(text='{"name": "t", "parameters": {"b": 1, "a": true}}')]
    _, completed = await told(remote.completer, replace(ASKED, tools=(tool,)))
    assert completed.finish is FinishReason.TOOL_CALL


async def test_cost_is_counted_by_the_server_or_else_by_its_pieces(
    remote: Remote, server: OpenAiServer
) -> None:
    _, counted = await told(remote.completer)
    server.scripts = [Played(counts=False)]
    _, guessed = await told(remote.completer)
    assert counted.usage.prompt_tokens == 11
    assert guessed.usage.completion_tokens == counted.usage.completion_tokens > 10
    assert counted.usage.forward_passes == 0
