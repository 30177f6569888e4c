"""A task's record → what the model is asked."""

import json
from collections.abc import Sequence
from typing import Final

from messages.task import GenerationOptions
from messages.wire import JsonValue, new_id
from planner_node.completion.request import CompletionRequest, Message, Tool, ToolCall
from planner_node.planner.ports import PlannerParts
from planner_node.planner.skills import with_skills
from planner_node.prompt.chinese import in_script
from planner_node.prompt.conversation import DECOMPOSE_TASK, task_conversation
from planner_node.tasks.record import Exchange, TaskRecord

_ASK: Final = "ask_clarification"
_CHOICE: Final = 2  # with one tool there is nothing to choose


def completion_request(
    record: TaskRecord, parts: PlannerParts, deadline_s: float | None
) -> CompletionRequest:
    """Return the request, bounded by the task's deadline (monotonic) and by the settings.

    Raises:
        UnknownTool: the tool left the catalogue since the task was accepted.
    """
    command = record.command
    options = command.generation or GenerationOptions()
    limits = command.constraints
    answers, language = parts.planner.answers, record.language
    asked = task_conversation(command, parts.catalog, answers, language)
    exchanges = [turn for one in record.exchanges for turn in _turns(one, asked.language)]
    return CompletionRequest(
        request_id=new_id(),
        messages=(*asked.messages, *exchanges),
        tools=tuple(
            with_skills(tool, limits.allowed_skills if limits else ()) for tool in asked.tools
        ),
        tool_choice=asked.tool_choice,
        max_new_tokens=options.max_new_tokens or parts.generation.max_new_tokens,
        temperature=options.temperature,
        top_p=options.top_p,
        seed=options.seed,
        deadline_s=deadline_s,
        timeout_s=float(parts.generation.timeout_s),
        language=asked.language,
        preferred=_preferred(asked.tools, parts.planner.plan_bias_logits),
    )


def _preferred(tools: Sequence[Tool], logits: float) -> tuple[tuple[str, float], ...]:
    """Lean towards a plan where the model may also ask or decline."""
    if len(tools) < _CHOICE or not logits:
        return ()
    return tuple((tool.name, logits) for tool in tools if tool.name == DECOMPOSE_TASK)


def _turns(exchange: Exchange, language: str) -> tuple[Message, Message]:
    question = exchange.question
    arguments: dict[str, JsonValue] = {
        "question": in_script(question.text, language),
        "options": [in_script(option, language) for option in question.options],
    }
    call = ToolCall(_ASK, json.dumps(arguments, ensure_ascii=False), arguments)
    return Message("assistant", "", (call,)), Message("user", in_script(exchange.answer, language))
