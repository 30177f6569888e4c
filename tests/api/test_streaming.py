"""Answers that arrive piece by piece, in OpenAI's shape."""

import json
from typing import Any

import httpx
import pytest

from planner_node.completion.request import FinishReason
from planner_node.errors import ContextTooLong, OutOfMemory
from tests.api.test_generate import SEED_CONTENT, SEED_FUNCTION, SEED_GENERATE
from tests.fakes.completion import NUMBERED_LIST, Script, ScriptedCompleter


def events(body: str) -> list[tuple[str, str]]:
    """Return (event, data) of each event in a stream."""
    found = []
    for block in body.strip().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines())
        found.append((fields.get("event", "message"), fields["data"]))
    return found


def chunks_of(body: str) -> list[dict[str, Any]]:
    return [json.loads(data) for kind, data in events(body) if kind == "message" and data[0] == "{"]


async def streamed(http: httpx.AsyncClient, path: str, request: dict[str, Any]) -> httpx.Response:
    return await http.post(path, json={**request, "stream": True})


async def test_a_stream_is_server_sent_events(http: httpx.AsyncClient) -> None:
    answer = await streamed(http, "/generate", SEED_GENERATE)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert events(answer.text)[-1] == ("message", "[DONE]")


async def test_streamed_words_join_to_the_answer(http: httpx.AsyncClient) -> None:
    chunks = chunks_of((await streamed(http, "/generate", SEED_GENERATE)).text)
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    assert "".join(delta.get("content", "") for delta in deltas) == NUMBERED_LIST
    assert len(deltas) > 4
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"


async def test_a_streamed_call_joins_to_its_arguments(http: httpx.AsyncClient) -> None:
    body = (await streamed(http, "/generate_with_function", SEED_FUNCTION)).text
    calls = [
        call
        for chunk in chunks_of(body)
        for call in chunk["choices"][0]["delta"].get("tool_calls", [])
    ]
    assert calls[0]["function"]["name"] == "decompose_task"
    assert "".join(call["function"]["arguments"] for call in calls) == SEED_CONTENT


async def test_the_last_chunk_carries_the_whole_answer(http: httpx.AsyncClient) -> None:
    streamed_body = (await streamed(http, "/generate_with_function", SEED_FUNCTION)).text
    whole = (await http.post("/generate_with_function", json=SEED_FUNCTION)).json()
    last = chunks_of(streamed_body)[-1]
    del whole["usage"], last["answer"]["usage"]
    assert last["answer"] == whole
    assert last["choices"][0]["finish_reason"] == "tool_calls"


async def test_a_refusal_before_the_first_piece_has_its_status(
    http: httpx.AsyncClient, completer: ScriptedCompleter
) -> None:
    completer.default = Script("", error=ContextTooLong("too long"))
    answer = await streamed(http, "/generate", SEED_GENERATE)
    assert (answer.status_code, answer.json()["problem"]["code"]) == (422, "CONTEXT_TOO_LONG")


async def test_a_failure_in_the_middle_is_an_event(
    http: httpx.AsyncClient, completer: ScriptedCompleter
) -> None:
    completer.default = Script("1. 找到書本。", FinishReason.STOP, error=OutOfMemory("no room"))
    found = events((await streamed(http, "/generate", SEED_GENERATE)).text)
    kind, data = found[-2]
    assert (kind, json.loads(data)["problem"]["code"]) == ("error", "OUT_OF_MEMORY")


async def test_a_streamed_call_that_is_cut_off_ends_in_an_error_event(
    http: httpx.AsyncClient,
) -> None:
    request = {**SEED_FUNCTION, "max_new_tokens": 12}
    found = events((await streamed(http, "/generate_with_function", request)).text)
    kind, data = found[-2]
    assert (kind, json.loads(data)["problem"]["code"]) == ("error", "OUTPUT_TRUNCATED")


@pytest.mark.parametrize("tokens", [1, 3])
async def test_a_call_that_is_cut_off_in_its_name_tells_nothing_of_it(
    http: httpx.AsyncClient, tokens: int
) -> None:
    request = {**SEED_FUNCTION, "max_new_tokens": tokens}
    answer = await streamed(http, "/generate_with_function", request)
    assert (answer.status_code, answer.json()["problem"]["code"]) == (422, "OUTPUT_TRUNCATED")
