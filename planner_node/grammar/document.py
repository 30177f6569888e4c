"""The tools of one request as one grammar: the Llama 3.1 envelope around each tool's arguments."""

import json
from collections.abc import Mapping, Sequence
from typing import Final

from llguidance import LLMatcher
from pydantic import JsonValue

from planner_node.grammar.limits import SchemaLimits
from planner_node.grammar.references import REF, Schema
from planner_node.grammar.refusal import refusal
from planner_node.grammar.schema import normalise
from planner_node.grammar.shared import Shared
from planner_node.grammar.tool import Tool
from planner_node.grammar.work import check_work

# The separators of Llama 3.1's chat template, which models were trained on. Fixed ones leave
# nothing to choose between values: whitespace cannot loop, and the skeleton is forced, not sampled.
SPACING: Final[Mapping[str, JsonValue]] = {
    "whitespace_flexible": False,
    "item_separator": ", ",
    "key_separator": ": ",
}
# Escapes: only what JSON cannot do without, so that Chinese is never written as \uXXXX.
STYLE: Final[Mapping[str, JsonValue]] = {
    **SPACING,
    "json_allowed_escapes": '"\\nt',
    "json_allow_general_unicode_escapes": False,
}
# How others may write the same: with any whitespace, and any escape but one for what can be shown.
ANY_STYLE: Final[Mapping[str, JsonValue]] = {
    "whitespace_flexible": True,
    "json_allow_general_unicode_escapes": False,
}
# Text that opens with a brace is a call; the other way round a call could never be told from text.
_CALL: Final = "start: call\ncall: %json {}\n"
_TEXT_OR_CALL: Final = "start: call | text\ncall: %json {}\ntext: /([^{{](.|\\n)*)?/\n"
# Else the mask itself allows, of all tokens that may come next, only the one it would force.
_NOTHING_FORCED: Final = '%llguidance {"no_forcing": true}\n'


def call_grammar(
    tools: Sequence[Tool],
    limits: SchemaLimits,
    *,
    or_text: bool,
    forcing: bool = True,
    style: Mapping[str, JsonValue] = STYLE,
) -> str:
    """Return the grammar of one call of one of ``tools``, or of free text where that is allowed.

    With ``forcing`` off, every token of the right bytes is allowed, not only the canonical one.
    Call ``check_size`` first. Raises UnsupportedSchema naming pointer and keyword.
    """
    document = _compact(call_schema(tools, limits))
    check_work(document, limits)
    schema = styled(document, style)
    if forcing and not or_text:
        return str(LLMatcher.grammar_from_json_schema(schema))
    rules = (_TEXT_OR_CALL if or_text else _CALL).format(json.dumps(schema, ensure_ascii=False))
    return str(LLMatcher.grammar_from_lark(("" if forcing else _NOTHING_FORCED) + rules))


def styled(schema: Schema, style: Mapping[str, JsonValue]) -> Schema:
    """Return the schema with the way to write it, as llguidance reads it from ``x-guidance``."""
    return {"x-guidance": dict(style), **schema}


def call_schema(tools: Sequence[Tool], limits: SchemaLimits) -> Schema:
    """Return the JSON Schema of one call of one of ``tools``; raises as ``call_grammar``."""
    homes = {f"tool{place}": tool for place, tool in enumerate(tools)}
    return {
        "anyOf": [_envelope(tool.name, home) for home, tool in homes.items()],
        "$defs": {home: dict(_arguments(tool, home, limits)) for home, tool in homes.items()},
    }


def _compact(document: Schema) -> Schema:
    """Return the joint schema with one definition for all numbers and formats that are alike."""
    shared, homes = Shared(), document["$defs"]
    tools = homes.items() if isinstance(homes, dict) else ()
    compact = {home: shared.of(tool) for home, tool in tools if isinstance(tool, dict)}
    return {**document, "$defs": {**compact, **shared.definitions}}


def _envelope(name: str, home: str) -> JsonValue:
    return {
        "type": "object",
        "properties": {"name": {"const": name}, "parameters": {"$ref": f"{REF}{home}"}},
        "required": ["name", "parameters"],
        "additionalProperties": False,
    }


def _is_text(name: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in name)


def _arguments(tool: Tool, home: str, limits: SchemaLimits) -> Mapping[str, JsonValue]:
    if not 0 < len(tool.name) <= limits.max_literal_chars or not _is_text(tool.name):
        raise refusal("", "name", f"must be a text of 1 to {limits.max_literal_chars} characters")
    return normalise(tool.parameters, home, limits)
