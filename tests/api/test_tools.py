"""A tool call does what its function does, and the answer shows what came of it."""

import math
from typing import Any

import httpx
import pytest
from pydantic import BaseModel

from messages.problem import ProblemCode
from planner_node.grammar.limits import SchemaLimits
from planner_node.planner.handlers import Arguments, Declined, Planned, ToolRegistry
from tests.api.house import House
from tests.api.test_generate import SEED_FUNCTION
from tests.api.test_streaming import chunks_of
from tests.fakes.completion import Script, ScriptedCompleter, tool_call

REQUEST = {
    "messages": SEED_FUNCTION["messages"],
    "tools": [{"name": "say", "parameters": {"type": "object", "properties": {"text": {}}}}],
}


class Height(BaseModel):
    """What a function may return although no robot can read it."""

    metres: float


def registry_with(house: House, outcome: object) -> None:
    async def say(arguments: Arguments) -> Any:  # noqa: ANN401  a plugin returns what it likes
        house.said.append(arguments)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    house.registry = ToolRegistry({"say": say})
    house.completer.default = Script(tool_call("say", {"text": "你好"}))


async def test_a_registered_function_gets_the_arguments(
    http: httpx.AsyncClient, house: House
) -> None:
    registry_with(house, Declined(ProblemCode.UNSAFE, "不行"))
    body = (await http.post("/generate_with_function", json=REQUEST)).json()
    assert house.said == [{"text": "你好"}]
    assert body["tool_result"] == {"code": "UNSAFE", "reason": "不行"}


async def test_a_failing_function_spoils_nothing_else(
    http: httpx.AsyncClient, house: House
) -> None:
    registry_with(house, OSError("the speaker is broken"))
    answer = await http.post("/generate_with_function", json=REQUEST)
    assert answer.status_code == 200
    assert answer.json()["content"] == '{"text": "你好"}'
    assert answer.json()["tool_error"] == "OSError: the speaker is broken"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("outcome", "found"),
    [
        (Height(metres=math.nan), "{'metres': None}"),
        (Planned(({"task": "\ud800"},)), "surrogates not allowed"),
        (ValueError("\ud800"), "ValueError: \\ud800"),
    ],
    ids=["nan", "surrogate", "surrogate in an error"],
)
async def test_what_json_cannot_carry_is_null_or_an_error(
    http: httpx.AsyncClient,
    house: House,
    outcome: object,
    found: str,
    *,
    stream: bool,
) -> None:
    registry_with(house, outcome)
    answer = await http.post("/generate_with_function", json={**REQUEST, "stream": stream})
    assert answer.status_code == 200
    body = chunks_of(answer.text)[-1]["answer"] if stream else answer.json()
    assert "NaN" not in answer.text
    assert body["content"] == '{"text": "你好"}'
    assert found in str(body.get("tool_result")) + str(body.get("tool_error"))


async def test_a_tool_without_a_function_has_no_result(
    http: httpx.AsyncClient, completer: ScriptedCompleter
) -> None:
    completer.default = Script(tool_call("say", {"text": "你好"}))
    body = (await http.post("/generate_with_function", json=REQUEST)).json()
    assert "tool_result" not in body
    assert "tool_error" not in body


async def test_as_many_tools_as_can_be_kept_may_be_offered(
    http: httpx.AsyncClient, house: House
) -> None:
    house.completer.default = Script(tool_call("say", {"text": "你好"}))
    [say] = REQUEST["tools"]
    others = [{"name": f"tool-{number}"} for number in range(SchemaLimits().max_tools - 1)]
    kept = await http.post("/generate_with_function", json={**REQUEST, "tools": [say, *others]})
    assert kept.status_code == 200
    over = {**REQUEST, "tools": [say, *others, {"name": "more"}]}
    refused = await http.post("/generate_with_function", json=over)
    assert refused.status_code == 422
    assert refused.json()["problem"]["code"] == ProblemCode.SCHEMA_INVALID


async def test_the_document_says_how_many_tools_may_be_offered(http: httpx.AsyncClient) -> None:
    schemas = (await http.get("/openapi.json")).json()["components"]["schemas"]
    tools = schemas["GenerateWithFunctionRequest"]["properties"]["tools"]
    assert tools["maxItems"] == SchemaLimits().max_tools
