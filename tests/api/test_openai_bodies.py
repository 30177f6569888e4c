"""What clients that were written for OpenAI's API send, and how it is read."""

from typing import Any

import httpx
import pytest

from planner_node.api.app import create_app
from planner_node.api.ports import Limits
from planner_node.completion.request import ToolUse
from planner_node.settings import GenerationSettings
from tests.api.house import House
from tests.api.test_generate import SEED_FUNCTION, SEED_GENERATE, function_request
from tests.api.test_streaming import chunks_of
from tests.fakes.completion import ScriptedCompleter
from tests.messages.payloads import ignored

CALL = {"name": "decompose_task", "arguments": {"tasks": []}}


def wrapped(arguments: object, **more: object) -> dict[str, Any]:
    return {"type": "function", "function": {**CALL, "arguments": arguments}, **more}


async def test_null_is_as_good_as_unsaid(
    http: httpx.AsyncClient, completer: ScriptedCompleter
) -> None:
    unsaid = ["max_new_tokens", "max_tokens", "max_completion_tokens", "temperature", "top_p"]
    options = dict.fromkeys([*unsaid, "seed", "stream", "tool_choice"])
    tool = {**SEED_FUNCTION["tools"][0], "description": None, "parameters": None}
    messages = [{**message, "tool_calls": None} for message in SEED_FUNCTION["messages"]]
    body = {"messages": messages, "tools": [tool], **options}
    answer = await http.post("/generate_with_function", json=body)
    assert answer.status_code == 200
    asked = completer.requests[0]
    assert (asked.max_new_tokens, asked.temperature, asked.top_p) == (256, 0.0, 1.0)
    assert (asked.tool_choice, asked.tools[0].description) == (ToolUse.REQUIRED, "")
    assert asked.tools[0].parameters == {"type": "object", "properties": {}}


@pytest.mark.parametrize(
    ("options", "tokens"),
    [
        ({"max_tokens": 9}, 9),
        ({"max_completion_tokens": 8, "max_tokens": 9}, 8),
        ({"max_new_tokens": 7, "max_completion_tokens": 8, "max_tokens": 9}, 7),
        ({"max_new_tokens": None, "max_tokens": 9}, 9),
    ],
)
async def test_openais_names_limit_the_new_tokens(
    http: httpx.AsyncClient, completer: ScriptedCompleter, options: dict[str, Any], tokens: int
) -> None:
    answer = await http.post("/generate", json={"messages": SEED_GENERATE["messages"], **options})
    assert answer.status_code == 200
    assert completer.requests[0].max_new_tokens == tokens


@pytest.mark.parametrize(("limit_tokens", "tokens"), [(100, 100), (4096, 256)])
async def test_who_names_no_limit_gets_what_the_node_allows(
    house: House, completer: ScriptedCompleter, limit_tokens: int, tokens: int
) -> None:
    few = GenerationSettings(max_new_tokens=1, max_new_tokens_limit=limit_tokens)
    app = create_app(house.parts, Limits(generation=few))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
        answer = await http.post("/generate", json={"messages": SEED_GENERATE["messages"]})
    assert (answer.status_code, completer.requests[0].max_new_tokens) == (200, tokens)
    for name in ("GenerateRequest", "GenerateWithFunctionRequest"):
        described = app.openapi()["components"]["schemas"][name]["properties"]["max_new_tokens"]
        assert described["description"].startswith(f"{tokens} where none")


@pytest.mark.parametrize(
    "options", [{"max_tokens": 0}, {"max_tokens": 10**6}, {"max_new_tokens": True}]
)
async def test_a_limit_that_cannot_be_is_refused(
    http: httpx.AsyncClient, options: dict[str, Any]
) -> None:
    answer = await http.post("/generate", json={"messages": SEED_GENERATE["messages"], **options})
    assert (answer.status_code, answer.json()["problem"]["code"]) == (422, "SCHEMA_INVALID")


@pytest.mark.parametrize(
    "call",
    [
        CALL,
        {**CALL, "arguments": '{"tasks": []}'},
        wrapped('{"tasks": []}', id="call-1"),
        wrapped({"tasks": []}),
    ],
)
@pytest.mark.parametrize("content", [{"content": None}, {"content": ""}, {}])
async def test_an_earlier_call_comes_in_openais_form(
    http: httpx.AsyncClient,
    completer: ScriptedCompleter,
    call: dict[str, Any],
    content: dict[str, Any],
) -> None:
    messages = [
        *SEED_FUNCTION["messages"],
        {"role": "assistant", **content, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call-1", "content": "ok"},
        {"role": "user", "content": "再來一次。"},
    ]
    answer = await http.post("/generate_with_function", json=function_request(messages=messages))
    assert answer.status_code == 200
    turn = completer.requests[0].messages[2]
    assert (turn.content, turn.tool_calls[0].arguments_json) == ("", '{"tasks": []}')


async def test_a_call_without_arguments_has_none(
    http: httpx.AsyncClient, completer: ScriptedCompleter
) -> None:
    turn = {"role": "assistant", "content": None, "tool_calls": [wrapped("")]}
    messages = [*SEED_GENERATE["messages"], turn]
    assert (await http.post("/generate", json={"messages": messages})).status_code == 200
    assert completer.requests[0].messages[2].tool_calls[0].arguments == {}


@pytest.mark.parametrize(
    "message",
    [
        {"role": "user"},
        {"role": "user", "content": None},
        {"role": "assistant", "content": None, "tool_calls": []},
        {"role": "assistant", "content": None, "tool_calls": [wrapped("[]")]},
        {"role": "assistant", "content": None, "tool_calls": [wrapped('{"tasks": ')]},
        {"role": "assistant", "content": None, "tool_calls": [wrapped("{}", type="custom")]},
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://x"}}]},
        {"role": "user", "content": {"text": "走"}},
    ],
)
async def test_a_message_that_says_nothing_readable_is_refused(
    http: httpx.AsyncClient, message: dict[str, Any]
) -> None:
    answer = await http.post("/generate", json={"messages": [message]})
    assert (answer.status_code, answer.json()["problem"]["code"]) == (422, "SCHEMA_INVALID")


async def test_parts_of_text_are_one_text(
    http: httpx.AsyncClient, completer: ScriptedCompleter
) -> None:
    parts = [{"type": "text", "text": "將書本"}, {"type": "text", "text": "放在側桌上。"}]
    answer = await http.post("/generate", json={"messages": [{"role": "user", "content": parts}]})
    assert answer.status_code == 200
    asked = completer.requests[0]
    assert (asked.messages[0].content, asked.language) == ("將書本\n放在側桌上。", "zh-TW")


async def test_the_developer_speaks_as_the_system(
    http: httpx.AsyncClient, completer: ScriptedCompleter
) -> None:
    messages = [{"role": "developer", "content": "簡短回答。"}, SEED_GENERATE["messages"][1]]
    assert (await http.post("/generate", json={"messages": messages})).status_code == 200
    assert completer.requests[0].messages[0].role == "system"


@pytest.mark.parametrize("is_stream", [False, True])
async def test_options_that_are_not_known_here_are_named_in_the_answer(
    http: httpx.AsyncClient, *, is_stream: bool
) -> None:
    more = {"stop": ["。"], "n": 2, "response_format": {"type": "text"}, "tools": []}
    answer = await http.post("/generate", json={**SEED_GENERATE, **more, "stream": is_stream})
    body = chunks_of(answer.text)[-1]["answer"] if is_stream else answer.json()
    assert sorted(body["warnings"]) == [ignored(f"/{name}") for name in sorted(more)]


async def test_what_openais_clients_add_for_themselves_is_not_warned_of(
    http: httpx.AsyncClient,
) -> None:
    tool = {"type": "function", "function": {**SEED_FUNCTION["tools"][0], "strict": True}}
    messages = [
        *SEED_FUNCTION["messages"],
        {"role": "assistant", "content": None, "tool_calls": [wrapped("{}", id="call-1")]},
        {"role": "tool", "tool_call_id": "call-1", "content": "ok"},
    ]
    request = function_request(tools=[tool], messages=messages)
    assert "warnings" not in (await http.post("/generate_with_function", json=request)).json()
