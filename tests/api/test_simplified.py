"""Who speaks Simplified Chinese is answered in it; the model reads and writes Traditional."""

import json
from collections.abc import AsyncGenerator, Iterable
from typing import Any

import httpx
import pytest
from jsonschema import validate

from planner_node.api.envelope import Arguments, CallOpened, Ended, Piece, Words
from planner_node.api.simplified import in_simplified
from planner_node.completion.request import CompletionUsage, FinishReason, Tool, ToolCall
from tests.api.test_generate import SEED_FUNCTION
from tests.api.test_streaming import chunks_of
from tests.fakes.completion import SEED_PLAN, Script, ScriptedCompleter, tool_call

MESSAGES = [
    {"role": "system", "content": "角色：专业的任务规划机器人"},
    {"role": "user", "content": "将书本放在侧桌上。"},
]
TURN: dict[str, Any] = {
    "name": "turn",
    "parameters": {
        "type": "object",
        "properties": {
            "方向": {"enum": ["左轉", "右轉"]},
            "說明": {"type": "string"},
            "次數": {"type": "integer"},
        },
    },
}
TURNED = {"方向": "左轉", "說明": "先說「左轉」，再輕輕\n地轉\\過去", "次數": 2}


def deltas(answer: httpx.Response) -> str:
    """Return the streamed pieces, joined."""
    told = [chunk["choices"][0]["delta"] for chunk in chunks_of(answer.text)]
    calls = [call["function"]["arguments"] for one in told for call in one.get("tool_calls", [])]
    return "".join([*(one.get("content", "") for one in told), *calls])


@pytest.fixture
async def simplified(completer: ScriptedCompleter, http: httpx.AsyncClient) -> Any:  # noqa: ANN401
    """Return a function that asks for both forms of an answer, and makes sure that they agree."""

    async def ask(path: str, **request: object) -> dict[str, Any]:
        whole = await http.post(path, json={"messages": MESSAGES, **request})
        streamed = await http.post(path, json={"messages": MESSAGES, **request, "stream": True})
        body: dict[str, Any] = whole.json()
        assert deltas(streamed) == body["content"]
        last = chunks_of(streamed.text)[-1]["answer"]
        assert {**last, "usage": None} == {**body, "usage": None}
        return body

    return ask


async def test_text_is_asked_for_in_traditional_and_answered_in_simplified(
    simplified: Any,  # noqa: ANN401
    completer: ScriptedCompleter,
) -> None:
    body = await simplified("/generate")
    assert body["content"] == "1. 找到书本。2. 拿起书本。3. 走到侧桌。4. 将书本放在侧桌上。"
    asked = [message.content for message in completer.requests[0].messages]
    assert asked == ["角色：專業的任務規劃機器人", "將書本放在側桌上。"]


async def test_a_call_is_answered_in_simplified(simplified: Any) -> None:  # noqa: ANN401
    body = await simplified("/generate_with_function", tools=SEED_FUNCTION["tools"])
    found = json.loads(body["content"])
    assert [one["task"] for one in found["tasks"]] == [
        "找到书本", "拿起书本", "走到侧桌", "将书本放在侧桌上",
    ]  # fmt: skip
    assert len(found["tasks"]) == len(SEED_PLAN)
    assert body["tool_calls"] == [{"name": "decompose_task", "arguments": found}]


async def test_what_the_schema_names_stays_as_it_is(
    simplified: Any,  # noqa: ANN401
    completer: ScriptedCompleter,
) -> None:
    completer.default = Script(tool_call("turn", TURNED))
    body = await simplified("/generate_with_function", tools=[TURN])
    found = json.loads(body["content"])
    assert found == {**TURNED, "說明": "先说「左转」，再轻轻\n地转\\过去"}
    validate(found, TURN["parameters"])


@pytest.mark.parametrize("pattern", ["^(左轉|右轉)$", r"^[\x{8f49}\p{Han}]+$"])
async def test_a_schema_whose_patterns_know_chinese_keeps_the_models_script(
    simplified: Any,  # noqa: ANN401
    completer: ScriptedCompleter,
    pattern: str,
) -> None:
    completer.default = Script(tool_call("turn", {"to": "左轉"}))
    to = {"type": "string", "pattern": pattern}
    tool = {"name": "turn", "parameters": {"type": "object", "properties": {"to": to}}}
    body = await simplified("/generate_with_function", tools=[tool])
    assert body["tool_calls"][0]["arguments"] == {"to": "左轉"}


async def test_an_earlier_answer_goes_back_to_the_model_in_traditional(
    http: httpx.AsyncClient, completer: ScriptedCompleter
) -> None:
    called = {"name": "turn", "arguments": {"方向": "左轉", "說明": "轻轻地转过去"}}
    earlier = {"role": "assistant", "content": "", "tool_calls": [called]}
    body = {"messages": [*MESSAGES, earlier, MESSAGES[1]], "tools": [TURN], "tool_choice": "none"}
    assert (await http.post("/generate_with_function", json=body)).status_code == 200
    (call,) = completer.requests[0].messages[2].tool_calls
    assert call.arguments == {"方向": "左轉", "說明": "輕輕地轉過去"}
    assert json.loads(call.arguments_json) == call.arguments


async def given(pieces: Iterable[Piece | Ended]) -> AsyncGenerator[Piece | Ended, None]:
    for piece in pieces:
        yield piece


async def turned(pieces: Iterable[Piece | Ended]) -> list[Piece | Ended]:
    tool = Tool("turn", "", TURN["parameters"])
    return [piece async for piece in in_simplified(given(pieces), [tool])]


def cut(text: str, size: int) -> list[str]:
    return [text[place : place + size] for place in range(0, len(text), size)]


@pytest.mark.parametrize("size", range(1, 12))
async def test_it_is_the_same_however_the_text_was_cut(size: int) -> None:
    usage = CompletionUsage(1, 1, 1, 1.0, 1.0)
    call = ToolCall.of("turn", TURNED)
    ended = Ended(call.arguments_json, call, FinishReason.TOOL_CALL, usage)
    arguments = map(Arguments, cut(call.arguments_json, size))
    opened, *told, last = await turned([CallOpened("turn"), *arguments, ended])
    assert isinstance(last, Ended)
    assert opened == CallOpened("turn")
    assert "".join(one.text for one in told if isinstance(one, Arguments)) == last.content
    assert last.call is not None
    assert last.call.arguments == {**TURNED, "說明": "先说「左转」，再轻轻\n地转\\过去"}


@pytest.mark.parametrize("size", range(1, 6))
async def test_words_are_not_turned_one_by_one(size: int) -> None:
    text = "將衣服弄乾，乾隆皇帝說 OK 了"
    ended = Ended(text, None, FinishReason.STOP, CompletionUsage(1, 1, 1, 1.0, 1.0))
    *told, last = await turned([*map(Words, cut(text, size)), ended])
    assert isinstance(last, Ended)
    assert last.content == "将衣服弄干，乾隆皇帝说 OK 了"
    assert "".join(one.text for one in told if isinstance(one, Words)) == last.content
