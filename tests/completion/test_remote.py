"""Servers that fail in the middle or do not keep to the schema."""

import json
from contextlib import aclosing
from dataclasses import replace

import pytest

from planner_node.completion.request import (
    FinishReason,
    TextChunk,
    Tool,
)
from planner_node.errors import (
    ContextTooLong,
    EndpointRefused,
    ModelNotReady,
    PlanInvalid,
    PlannerError,
    UnsupportedSchema,
)
from tests.fakes.asked import ASKED, told
from tests.fakes.clock import ManualClock
from tests.fakes.completion import CHUNK_CHARS
from tests.fakes.openai_server import PLAN, OpenAiServer, Played
from tests.fakes.remote import Remote, engine, remote_engine
from tests.fakes.waiting import until

FAILURES = [
    (Played(status=500, error={"error": {"message": "cuda"}}), ModelNotReady, "500: cuda"),
    (Played(status=503, error={"error": {"message": "loading"}}), ModelNotReady, "503: loading"),
    (Played(status=401, error={"error": {"message": "key"}}), ModelNotReady, "api_key_file"),
    (Played(status=404, error={"error": {"message": "model"}}), ModelNotReady, "url and model"),
    (Played(status=400, error={"message": "bad seed"}), EndpointRefused, "bad seed"),
    (Played(status=422, error={"detail": "no"}), EndpointRefused, "422: no"),
    (Played(status=400, error={"error": "invalid grammar"}), UnsupportedSchema, "grammar"),
    (
        Played(status=400, error={"error": {"message": "maximum context length is 8"}}),
        ContextTooLong,
        "context length",
    ),
    (Played(lines=["{"]), ModelNotReady, "no completion"),
    (Played(lines=['{"error": {"message": "out of memory"}}']), ModelNotReady, "out of memory"),
    (
        Played(lines=['{"choices": [{"delta": {"content": "\\ud83d"}}]}']),
        ModelNotReady,
        "no completion",
    ),
    (
        Played(lines=['{"choices": [{"delta": {"tool_calls": [{}]}}]}']),
        ModelNotReady,
        "tool_calls",
    ),
    (Played(text="", finish="content_filter"), ModelNotReady, "content_filter"),
    (Played(break_after=0), ModelNotReady, "mid-answer"),
    (Played(break_after=5), ModelNotReady, "mid-answer"),
]


@pytest.mark.parametrize(("played", "kind", "words"), FAILURES)
async def test_failure_of_the_only_server_is_told_with_its_name(
    played: Played, kind: type[PlannerError], words: str, remote: Remote, server: OpenAiServer
) -> None:
    server.scripts = [replace(played)]
    with pytest.raises(kind, match=words) as failure:
        await told(remote.completer)
    assert failure.value.references["endpoint"] in server.url


@pytest.mark.parametrize(("played", "kind", "words"), FAILURES[:-2])
async def test_other_server_takes_over_what_nobody_has_seen_yet(
    played: Played,
    kind: type[PlannerError],
    words: str,
    pair: Remote,
    server: OpenAiServer,
    other: OpenAiServer,
) -> None:
    del kind, words
    server.scripts = other.scripts = [replace(played)]  # one list: whoever is asked first has it
    text, completed = await told(pair.completer)
    assert text == PLAN
    assert completed.finish is FinishReason.TOOL_CALL
    assert (len(server.bodies), len(other.bodies)) == (1, 1)


LIES = [
    ("Sure! Here is the plan.", "does not keep to the schema: 'Sure! "),
    ('{"name": "other", "parameters": {}}', "does not keep to the schema"),
    ('{"name": "decompose_task", "parameters": {"tasks": []}}', "does not keep"),
    ('{"name": "decompose_task", "parameters": {"steps": [', "does not keep"),
    (PLAN[:-2], "ended inside the call"),
    (PLAN[:9] + "\n" * 200, "nothing but blanks after"),
    (PLAN.replace("書", "\\u66f8"), "does not keep"),
]


@pytest.mark.parametrize(("text", "words"), LIES)
async def test_server_that_does_not_keep_to_the_schema_is_found_out(
    text: str, words: str, remote: Remote, server: OpenAiServer
) -> None:
    server.scripts = [Played(text=text)]
    with pytest.raises(PlanInvalid, match=words):
        await told(remote.completer)
    await until(lambda: server.running == 0)


async def test_nothing_wrong_is_handed_on(remote: Remote, server: OpenAiServer) -> None:
    server.scripts = [Played(text=PLAN.replace("走到側桌", "走" * 30))]
    seen: list[str] = []
    with pytest.raises(PlanInvalid):
        await told(remote.completer, handed_on=seen)
    assert "走" * 11 not in "".join(seen)
    assert "".join(seen).startswith('{"name": "decompose_task"')


async def test_any_spacing_is_taken_as_it_comes(remote: Remote, server: OpenAiServer) -> None:
    loose = json.dumps(json.loads(PLAN), ensure_ascii=False, indent=1) + "\n\n "
    server.scripts = [Played(text=loose)]
    text, completed = await told(remote.completer)
    assert text == loose.rstrip()
    assert completed.finish is FinishReason.TOOL_CALL


async def test_traditional_chinese_cannot_drift(remote: Remote, server: OpenAiServer) -> None:
    server.scripts = [Played(text=PLAN.replace("書", "书"))] * 2
    with pytest.raises(PlanInvalid, match="slid into Simplified Chinese with 书"):
        await told(remote.completer, replace(ASKED, language="zh-TW"))
    text, _ = await told(remote.completer, replace(ASKED, language="zh-CN"))
    assert "书" in text


async def test_simplified_word_of_the_schema_itself_is_taken(
    remote: Remote, server: OpenAiServer
) -> None:
    tool = Tool("pick", "", {"properties": {"x": {"enum": ["书"]}}, "required": ["x"]})
    call = '{"name": "pick", "parameters": {"x": "书"}}'
    server.scripts = [Played(text=call)]
    text, _ = await told(remote.completer, replace(ASKED, tools=(tool,), language="zh-TW"))
    assert text == call


CHUNKS = -(-len(PLAN) // CHUNK_CHARS)
ENDLESS = PLAN + " " * 4000


def piece(text: str) -> str:
    return json.dumps({"choices": [{"delta": {"content": text}}]}, ensure_ascii=False)


@pytest.mark.parametrize(
    "played",
    [
        Played(text=PLAN + PLAN),
        Played(lines=[piece(PLAN + PLAN)]),
        Played(text=PLAN + "\n\nHave a nice 书!"),
        Played(lines=[piece(PLAN + " 书")]),
        Played(text=PLAN + " ", break_after=CHUNKS),
        Played(text=PLAN, finish="content_filter"),
        Played(lines=[piece(PLAN), "{"]),
        Played(lines=[piece(PLAN), '{"error": {"message": "out of memory"}}']),
    ],
)
async def test_what_follows_a_whole_call_is_not_held_against_it(
    played: Played, remote: Remote, server: OpenAiServer
) -> None:
    server.scripts = [replace(played)]
    text, completed = await told(remote.completer, replace(ASKED, language="zh-TW"))
    assert text == PLAN
    assert completed.finish is FinishReason.TOOL_CALL


async def test_server_that_goes_on_after_the_call_is_told_once(
    remote: Remote, server: OpenAiServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.scripts = [Played(text=PLAN + " and so on" * 9)]
    await told(remote.completer)
    assert caplog.text.count("goes on after the call") == 1


@pytest.mark.slow
async def test_server_that_does_not_end_its_stream_is_left_with_the_whole_call(
    remote: Remote, server: OpenAiServer
) -> None:
    server.scripts = [Played(text=ENDLESS, hold_after=CHUNKS + 5)]
    text, completed = await told(remote.completer, replace(ASKED, timeout_s=9))
    assert text == PLAN
    assert completed.finish is FinishReason.TOOL_CALL
    assert completed.usage.completion_tokens == CHUNKS
    await until(lambda: server.left == 1)


async def test_time_that_is_up_after_the_whole_call_ends_the_wait_for_its_cost(
    server: OpenAiServer,
) -> None:
    clock, text, completed = ManualClock(), "", None
    server.scripts = [Played(text=ENDLESS, hold_after=CHUNKS)]
    async with remote_engine(engine(server.url), clock=clock) as remote:
        request = replace(ASKED, timeout_s=60)
        async with aclosing(remote.completer.stream(request)) as events:
            async for event in events:
                if isinstance(event, TextChunk):
                    text += event.text
                    clock.advance(61 if text == PLAN else 0)
                else:
                    completed = event
    assert completed is not None
    assert completed.finish is FinishReason.TOOL_CALL


async def test_cost_that_follows_the_whole_call_is_kept(
    remote: Remote, server: OpenAiServer
) -> None:
    counted = '{"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 70}}'
    server.scripts = [Played(lines=[piece(PLAN), piece(" "), counted, "[DONE]"])]
    _, completed = await told(remote.completer)
    assert (completed.usage.prompt_tokens, completed.usage.completion_tokens) == (7, 70)
