"""Reads a finished answer that no grammar has shaped: text, or a tool call in any known dress.

Models dress their calls in many ways: bare JSON (Llama 3.1), JSON after ``<|python_tag|>``, in a
Markdown fence, in ``<tool_call>`` (Hermes, Qwen), in ``<function=name>`` (Llama's own other form),
with ``arguments`` for ``parameters``, and with arguments as JSON in a string. What is not a whole
call of an offered tool is text, unchanged: nothing is repaired.
"""

import re
from collections.abc import Collection, Mapping
from typing import Final

from pydantic import JsonValue

from planner_node.stream.call import ToolCall
from planner_node.stream.strict import strict_loads
from planner_node.stream.subtasks import ARGUMENTS

_DRESSES: Final = (
    re.compile(r"(?:<\|python_tag\|>)?\s*(?P<call>[{\[].*)", re.DOTALL),
    re.compile(r"```(?:json|tool_call)?\s*(?P<call>[{\[].*?)\s*```", re.DOTALL),
    re.compile(r"<tool_call>\s*(?P<call>[{\[].*?)\s*(?:</tool_call>)?", re.DOTALL),
    re.compile(r"<function=(?P<name>[^>]+)>\s*(?P<call>\{.*?)\s*(?:</function>)?", re.DOTALL),
)


def read_answer(text: str, tool_names: Collection[str]) -> str | ToolCall:
    """Return the call of one of ``tool_names`` that ``text`` is, else ``text`` itself."""
    bare = text.strip()
    for dress in _DRESSES:
        match = dress.fullmatch(bare)
        if match:
            call = _call(_loaded(match["call"]), match.groupdict().get("name"))
            if call is not None and call.name in tool_names:
                return call
    return text


def _call(value: JsonValue, name: str | None) -> ToolCall | None:
    """Read a parsed document as a call; ``name`` is set where the dress holds it."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, dict):
        return None
    if name is not None:
        return ToolCall.of(name, value)
    inner = value.get("function")
    value = inner if isinstance(inner, dict) else value
    own_name, arguments = value.get("name"), _arguments(value)
    if not isinstance(own_name, str) or not isinstance(arguments, dict):
        return None
    return ToolCall.of(own_name, arguments)


def _arguments(call: Mapping[str, JsonValue]) -> JsonValue:
    value = next((call[word] for word in ARGUMENTS if word in call), None)
    return _loaded(value) if isinstance(value, str) else value


def _loaded(text: str) -> JsonValue:
    try:
        return strict_loads(text)
    except ValueError:
        return None
