"""A tool call does what its function does, and the answer shows what came of it."""

import httpx

from messages.problem import ProblemCode
from planner_node.grammar.limits import SchemaLimits
from planner_node.planner.handlers import Arguments, Declined, Outcome, ToolRegistry
from tests.api.house import House
from tests.api.test_generate import SEED_FUNCTION
from tests.fakes.completion import Script, ScriptedCompleter, tool_call

REQUEST = {
    "messages": SEED_FUNCTION["messages"],
    "tools": [{"name": "say", "parameters": {"type": "object", "properties": {"text": {}}}}],
}


def registry_with(house: House, outcome: Outcome | Exception) -> None:
    async def say(arguments: Arguments) -> Outcome:
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
