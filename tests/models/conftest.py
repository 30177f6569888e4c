"""The shipped model, loaded once for all tests of the folder, and how it is asked."""

import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest_asyncio

from planner_node.completion.loading import LocalModel
from planner_node.completion.local import LocalCompleter
from planner_node.completion.request import (
    CompletionRequest,
    Message,
    Tool,
    ToolUse,
)
from planner_node.settings import EngineSettings, ModelSettings
from tests.fakes.asked import told


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def completer() -> AsyncIterator[LocalCompleter]:
    model = LocalModel(ModelSettings(), EngineSettings(max_rows=4))
    try:
        yield await model.start()
    finally:
        await model.stop()


async def said(
    completer: LocalCompleter,
    messages: Sequence[Message],
    tools: Sequence[Tool],
    plan_bias_logits: float = 0,
) -> str:
    """The text of one greedy answer; with tools it must be a call."""
    request = CompletionRequest(
        request_id=messages[-1].content,
        messages=tuple(messages),
        tools=tuple(tools),
        tool_choice=ToolUse.REQUIRED if tools else ToolUse.NONE,
        preferred=(("decompose_task", plan_bias_logits),),
    )
    text, _ = await told(completer, request)
    return text


def tasks_of(text: str) -> list[dict[str, Any]]:
    call = json.loads(text)
    assert call["name"] == "decompose_task"
    tasks: list[dict[str, Any]] = call["parameters"]["tasks"]
    return tasks
