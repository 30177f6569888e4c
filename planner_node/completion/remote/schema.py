"""The tools' schema as each server takes it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final, Literal

from pydantic import JsonValue

from planner_node.completion.request import NamedTool, Tool, ToolChoice, ToolUse
from planner_node.grammar.document import SPACING, styled

Field = Literal["response_format", "json_schema", "structured_outputs", "guided_json"]
Body = dict[str, JsonValue]

FIELDS: Final[tuple[Field, ...]] = (
    "response_format",
    "json_schema",
    "structured_outputs",
    "guided_json",
)
# By the ``owned_by`` of /v1/models: the field that this server keeps to on both of its routes.
# llama.cpp ignores response_format on /v1/completions without a word.
_OWNERS: Final[Mapping[str, Field]] = {"vllm": "structured_outputs", "llamacpp": "json_schema"}


def fields_for(owner: str) -> tuple[Field, ...]:
    """Return the fields to try with a server, the likeliest first."""
    first = _OWNERS.get(owner, "response_format")
    return (first, *(field for field in FIELDS if field != first))


def constraint(field: Field, schema: Body) -> Body:
    """Return the part of a request's body that holds the answer to the schema.

    With llguidance's fixed spacing, which other libraries pass over: a model that may put blanks
    between values can put them there for ever. Of its style nothing more: an older llguidance in
    llama.cpp does not know the rest, and then drops the whole schema without a word.
    """
    match field:
        case "response_format":  # OpenAI refuses keywords that it does not know
            shape: JsonValue = {"name": "call", "schema": schema, "strict": True}
            return {"response_format": {"type": "json_schema", "json_schema": shape}}
        case "structured_outputs":
            return {"structured_outputs": {"json": styled(schema, SPACING)}}
    return {field: styled(schema, SPACING)}


def offered(tools: Sequence[Tool], choice: ToolChoice) -> tuple[Tool, ...]:
    """Return the tools of which one is to be called, each in the order that servers write it.

    Some write the required properties first whatever the schema's order; so all are asked to.
    """
    if choice is ToolUse.NONE:
        return ()
    chosen = [one for one in tools if not isinstance(choice, NamedTool) or one.name == choice.name]
    return tuple(
        replace(one, parameters=_sorted(one.parameters), shown=one.shown or one.parameters)
        for one in chosen
    )


def _sorted(schema: Mapping[str, JsonValue]) -> Body:
    """Return the schema with the required properties of every object first."""
    ordered = {key: _sorted_within(value) for key, value in schema.items()}
    properties, required = ordered.get("properties"), ordered.get("required")
    if isinstance(properties, dict) and isinstance(required, list):
        ordered["properties"] = dict(
            sorted(properties.items(), key=lambda entry: entry[0] not in required)
        )
    return ordered


def _sorted_within(value: JsonValue) -> JsonValue:
    if isinstance(value, dict):
        return _sorted(value)
    return [_sorted_within(one) for one in value] if isinstance(value, list) else value
