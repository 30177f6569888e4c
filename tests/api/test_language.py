"""Which language a refusal is told in."""

import json

import httpx
import pytest

from planner_node.api.language import wanted_language
from planner_node.completion.request import FinishReason
from planner_node.errors import OutOfMemory, QueueFull
from tests.api.test_generate import SEED_GENERATE
from tests.api.test_streaming import events
from tests.fakes.completion import Script, ScriptedCompleter

CHINESE = {"Accept-Language": "zh-TW"}


@pytest.mark.parametrize(
    ("accept_language", "wanted"),
    [
        ("", "en"),
        ("zh-TW,en;q=0.5", "zh-TW"),
        ("en;q=0.5, zh-TW;q=0.9", "zh-TW"),
        ("fr, zh-TW", "zh-TW"),
        ("zh-Hant-HK", "zh-TW"),
        ("en, zh", "en"),
        ("*", "en"),
        ("zh;q=0, *", "en"),
        ("zh ; q = 0.7 , en ; q = 0.2", "zh-TW"),
        ("zh;q=nan, en;q=0.1", "en"),
        ("zh;q=many", "en"),
        ("fr, de;q=0.3", "en"),
        (",;,=", "en"),
    ],
)
def test_the_heaviest_wish_that_is_spoken_counts(accept_language: str, wanted: str) -> None:
    assert wanted_language(accept_language) == wanted


async def detail_of(http: httpx.AsyncClient, path: str, body: object) -> str:
    answer = await http.post(path, json=body, headers=CHINESE)
    return str(answer.json()["detail"])


async def test_what_is_wrong_with_a_field_is_told_in_chinese(http: httpx.AsyncClient) -> None:
    detail = await detail_of(http, "/generate", {})
    assert detail == "訊息不符合規定的格式。 /messages: 此欄位為必填"


async def test_what_is_wrong_with_a_query_is_told_in_chinese(http: httpx.AsyncClient) -> None:
    answer = await http.get("/tasks?limit=0&since=5", headers=CHINESE)
    detail = answer.json()["detail"]
    assert "/query/limit: 應大於或等於 1" in detail
    assert "/query/since: 應為 RFC 3339 時間，例如 2026-03-01T12:00:00Z" in detail


async def test_a_reason_is_told_in_chinese(
    http: httpx.AsyncClient, completer: ScriptedCompleter
) -> None:
    full = QueueFull("3 requests wait for the model; try again later")
    completer.default = Script("", error=full)
    detail = await detail_of(http, "/generate", SEED_GENERATE)
    assert detail.endswith("已有 3 個請求在等候模型；請稍後再試")


async def test_a_failure_in_a_stream_is_told_in_chinese(
    http: httpx.AsyncClient, completer: ScriptedCompleter
) -> None:
    completer.default = Script("1. 找到書本。", FinishReason.STOP, error=OutOfMemory("no room"))
    request = {**SEED_GENERATE, "stream": True}
    answer = await http.post("/generate", json=request, headers=CHINESE)
    told = json.loads(events(answer.text)[-2][1])
    assert told["detail"] == "記憶體不足。 no room"
    assert told["error"]["message"] == told["detail"]
