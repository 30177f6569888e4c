"""The seed's two endpoints, with the seed's own requests."""

import json
from typing import Any

import httpx
import pytest
from jsonschema import validate

from planner_node.api.examples import FUNCTION_REQUESTS, GENERATE_REQUESTS
from planner_node.completion.request import FinishReason, NamedTool, ToolUse
from planner_node.errors import (
    ContextTooLong,
    DeadlinePassed,
    EngineDied,
    GenerationTimeout,
    ModelNotReady,
    OutOfMemory,
    PlannerError,
    QueueFull,
)
from tests.fakes.completion import NUMBERED_LIST, Script, ScriptedCompleter, tool_call

SEED_GENERATE = json.loads("""
  {
    "messages": [
      {"role": "system", "content": "角色：專業的任務規劃機器人"},
      {"role": "user", "content": "將刀子和杯子移動到櫃檯。"}
    ],
    "max_new_tokens": 256
  }
""")
SEED_FUNCTION = json.loads("""
  {
    "messages": [
      {"role": "system", "content": "接收一個任務，將其分解成多個步驟。"},
      {"role": "user", "content": "將書本放在側桌上。"}
    ],
    "tools": [
      {
        "name": "decompose_task",
        "description": "將任務分解為子任務，並返回包含子任務列表的 JSON 對象。",
        "parameters": {
          "type": "object",
          "properties": {
            "tasks": {
              "type": "array",
              "items": {
                "type": "object",
                "properties": {
                  "task": {"type": "string", "description": "子任務的名稱。"},
                  "description": {"type": "string", "description": "子任務的描述。"}
                },
                "required": ["task", "description"]
              }
            }
          },
          "required": ["tasks"]
        }
      }
    ],
    "max_new_tokens": 256
  }
""")
SEED_CONTENT = (
    '{"tasks": [{"task": "找到書本", "description": "定位書本的位置。"}, '
    '{"task": "拿起書本", "description": "將書本提起來。"}, '
    '{"task": "走到側桌", "description": "接近側桌。"}, '
    '{"task": "將書本放在側桌上", "description": "輕輕地將書本放在側桌上。"}]}'
)


def function_request(**changes: object) -> dict[str, Any]:
    return {**SEED_FUNCTION, **changes}


async def test_generate_answers_the_seeds_request(http: httpx.AsyncClient) -> None:
    answer = await http.post("/generate", json=SEED_GENERATE)
    assert answer.status_code == 200
    assert list(answer.json())[:2] == ["role", "content"]
    assert answer.json()["role"] == "assistant"
    assert answer.json()["content"] == NUMBERED_LIST


async def test_generate_says_what_it_cost(http: httpx.AsyncClient) -> None:
    body = (await http.post("/generate", json=SEED_GENERATE)).json()
    usage = body["usage"]
    assert body["finish_reason"] == "stop"
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


async def test_generate_with_function_answers_the_seeds_request(http: httpx.AsyncClient) -> None:
    answer = await http.post("/generate_with_function", json=SEED_FUNCTION)
    assert answer.status_code == 200
    body = answer.json()
    assert list(body)[:3] == ["role", "content", "tool_call"]
    assert (body["role"], body["content"], body["tool_call"]) == ("assistant", SEED_CONTENT, True)


async def test_generate_with_function_names_the_call_and_its_arguments(
    http: httpx.AsyncClient,
) -> None:
    body = (await http.post("/generate_with_function", json=SEED_FUNCTION)).json()
    expected = {"name": "decompose_task", "arguments": json.loads(SEED_CONTENT)}
    assert body["tool_calls"] == [expected]
    assert body["finish_reason"] == "tool_calls"
    validate(body["tool_calls"][0]["arguments"], SEED_FUNCTION["tools"][0]["parameters"])


async def test_generate_with_function_sends_chinese_unescaped(http: httpx.AsyncClient) -> None:
    answer = await http.post("/generate_with_function", json=SEED_FUNCTION)
    assert "找到書本" in answer.text
    assert "\\u" not in answer.text


async def test_an_omitted_max_new_tokens_is_256(
    http: httpx.AsyncClient, completer: ScriptedCompleter
) -> None:
    await http.post("/generate", json={"messages": SEED_GENERATE["messages"]})
    assert completer.requests[0].max_new_tokens == 256


async def test_options_reach_the_model(
    http: httpx.AsyncClient, completer: ScriptedCompleter
) -> None:
    options = {"temperature": 0.7, "top_p": 0.9, "seed": 7, "max_new_tokens": 99}
    await http.post("/generate", json={**SEED_GENERATE, **options})
    asked = completer.requests[0]
    assert (asked.temperature, asked.top_p, asked.seed, asked.max_new_tokens) == (0.7, 0.9, 7, 99)


async def test_openais_form_of_a_tool_is_the_same_tool(
    http: httpx.AsyncClient, completer: ScriptedCompleter
) -> None:
    wrapped = [{"type": "function", "function": SEED_FUNCTION["tools"][0]}]
    await http.post("/generate_with_function", json=SEED_FUNCTION)
    await http.post("/generate_with_function", json=function_request(tools=wrapped))
    assert completer.requests[0].tools == completer.requests[1].tools


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("required", ToolUse.REQUIRED),
        ("auto", ToolUse.AUTO),
        ("none", ToolUse.NONE),
        ("decompose_task", NamedTool("decompose_task")),
        (
            {"type": "function", "function": {"name": "decompose_task"}},
            NamedTool("decompose_task"),
        ),
    ],
)
async def test_tool_choice_reaches_the_model(
    http: httpx.AsyncClient, completer: ScriptedCompleter, choice: object, expected: object
) -> None:
    answer = await http.post("/generate_with_function", json=function_request(tool_choice=choice))
    assert answer.status_code == 200
    assert completer.requests[0].tool_choice == expected


async def test_a_tool_choice_that_was_not_offered_is_refused(http: httpx.AsyncClient) -> None:
    answer = await http.post("/generate_with_function", json=function_request(tool_choice="fly"))
    assert answer.status_code == 422
    assert answer.json()["problem"]["code"] == "UNKNOWN_TOOL"


@pytest.mark.parametrize("choice", ["auto", "none"])
async def test_an_answer_in_words_is_no_tool_call(http: httpx.AsyncClient, choice: str) -> None:
    answer = await http.post("/generate_with_function", json=function_request(tool_choice=choice))
    body = answer.json()
    assert (body["content"], body["tool_call"], body["tool_calls"]) == (NUMBERED_LIST, False, [])
    assert body["finish_reason"] == "stop"


async def test_one_of_several_tools_is_called_with_its_own_arguments(
    http: httpx.AsyncClient, completer: ScriptedCompleter
) -> None:
    completer.default = Script(tool_call("say", {"text": "你好"}))
    say = {"name": "say", "parameters": {"type": "object", "properties": {"text": {}}}}
    tools = [*SEED_FUNCTION["tools"], say]
    body = (await http.post("/generate_with_function", json=function_request(tools=tools))).json()
    assert body["content"] == '{"text": "你好"}'
    assert body["tool_calls"] == [{"name": "say", "arguments": {"text": "你好"}}]


async def test_an_earlier_answer_can_be_sent_back(
    http: httpx.AsyncClient, completer: ScriptedCompleter
) -> None:
    earlier = (await http.post("/generate_with_function", json=SEED_FUNCTION)).json()
    messages = [
        *SEED_FUNCTION["messages"],
        {key: earlier[key] for key in ("role", "content", "tool_call", "tool_calls")},
        {"role": "tool", "content": "ok"},
        {"role": "user", "content": "再來一次。"},
    ]
    answer = await http.post("/generate_with_function", json=function_request(messages=messages))
    assert answer.status_code == 200
    assert completer.requests[1].messages[2].tool_calls[0].arguments_json == SEED_CONTENT


async def test_a_call_cut_off_by_max_new_tokens_is_refused(http: httpx.AsyncClient) -> None:
    answer = await http.post("/generate_with_function", json=function_request(max_new_tokens=3))
    problem = answer.json()["problem"]
    assert (answer.status_code, problem["code"]) == (422, "OUTPUT_TRUNCATED")
    assert {"key": "finish_reason", "value": "length"} in problem["references"]


async def test_a_call_that_fills_the_context_is_refused_as_that(
    http: httpx.AsyncClient, completer: ScriptedCompleter
) -> None:
    completer.default = Script(SEED_CONTENT[:40], FinishReason.LENGTH, context_tokens=2048)
    answer = await http.post("/generate_with_function", json=SEED_FUNCTION)
    problem = answer.json()["problem"]
    assert (answer.status_code, problem["code"]) == (422, "CONTEXT_TOO_LONG")
    assert {"key": "context_tokens", "value": "2048"} in problem["references"]


async def test_text_cut_off_by_max_new_tokens_is_an_answer(http: httpx.AsyncClient) -> None:
    body = (await http.post("/generate", json={**SEED_GENERATE, "max_new_tokens": 2})).json()
    assert body["finish_reason"] == "length"
    assert NUMBERED_LIST.startswith(body["content"])


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (ContextTooLong("too long"), 422, "CONTEXT_TOO_LONG"),
        (ModelNotReady("loading"), 503, "MODEL_NOT_READY"),
        (OutOfMemory("no room"), 503, "OUT_OF_MEMORY"),
        (QueueFull("busy"), 429, "QUEUE_FULL"),
        (GenerationTimeout("slow"), 504, "GENERATION_TIMEOUT"),
        (DeadlinePassed("slow"), 504, "GENERATION_TIMEOUT"),
        (EngineDied("the engine is gone"), 503, "INTERNAL"),
    ],
)
async def test_the_models_refusals_have_their_status(
    http: httpx.AsyncClient,
    completer: ScriptedCompleter,
    error: PlannerError,
    status: int,
    code: str,
) -> None:
    completer.default = Script("", error=error)
    answer = await http.post("/generate", json=SEED_GENERATE)
    assert (answer.status_code, answer.json()["problem"]["code"]) == (status, code)


async def test_a_schema_that_cannot_be_kept_is_refused(http: httpx.AsyncClient) -> None:
    tool = {"name": "odd", "parameters": {"type": "object", "not": {}}}
    answer = await http.post("/generate_with_function", json=function_request(tools=[tool]))
    assert (answer.status_code, answer.json()["problem"]["code"]) == (422, "UNSUPPORTED_SCHEMA")


@pytest.mark.parametrize(
    ("route", "examples"),
    [("/generate", GENERATE_REQUESTS), ("/generate_with_function", FUNCTION_REQUESTS)],
)
@pytest.mark.parametrize("language", ["zh-TW", "en"])
async def test_the_documented_examples_work(
    http: httpx.AsyncClient, route: str, examples: dict[str, Any], language: str
) -> None:
    answer = await http.post(route, json=examples[language])
    assert answer.status_code == 200


async def test_the_documented_examples_are_the_seeds() -> None:
    assert (GENERATE_REQUESTS["zh-TW"], FUNCTION_REQUESTS["zh-TW"]) == (
        SEED_GENERATE,
        SEED_FUNCTION,
    )
