"""What /generate and /generate_with_function are asked and what they answer, on the wire."""

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from messages.wire import ID_PATTERN, Incoming, JsonValue
from planner_node.completion.request import DEFAULT_MAX_NEW_TOKENS
from planner_node.grammar.limits import SchemaLimits

MAX_MESSAGES: Final = 256
MAX_TOOLS: Final = SchemaLimits().max_tools
MAX_TOOL_CALLS: Final = 64  # of one earlier answer
# Far above any context; the model's own limit is told by CONTEXT_TOO_LONG.
MAX_CONTENT_CHARS: Final = 400_000
MAX_TOOL_DESCRIPTION_CHARS: Final = 8_000

ToolName = Annotated[str, Field(pattern=ID_PATTERN)]


class CalledTool(Incoming):
    """One tool call: the tool's name and the arguments, as JSON."""

    name: ToolName
    arguments: dict[str, JsonValue]


class ChatMessage(Incoming):
    """One turn; ``tool_calls`` only where an earlier answer of the assistant is sent back."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str = Field(max_length=MAX_CONTENT_CHARS)
    tool_calls: list[CalledTool] = Field(default=[], max_length=MAX_TOOL_CALLS)


class ToolSchema(Incoming):
    """A tool in the seed's flat form; ``parameters`` is the JSON Schema of its arguments."""

    name: ToolName
    description: str = Field(default="", max_length=MAX_TOOL_DESCRIPTION_CHARS)
    parameters: dict[str, JsonValue] = {"type": "object", "properties": {}}


class FunctionTool(Incoming):
    """The same tool in OpenAI's wrapping."""

    type: Literal["function"]
    function: ToolSchema


class ChosenFunction(Incoming):
    """The name inside OpenAI's form of a tool choice."""

    name: ToolName


class FunctionChoice(Incoming):
    """OpenAI's way of choosing one tool."""

    type: Literal["function"]
    function: ChosenFunction


# No field is called so: a refusal names the place of a fault, not the form that was tried.
_FLAT: Final = "flat tool"
_WRAPPED: Final = "wrapped tool"


def _form(tool: Any) -> str:  # noqa: ANN401  pydantic hands over whatever the client sent
    if isinstance(tool, dict):
        return _WRAPPED if "function" in tool else _FLAT
    return _WRAPPED if isinstance(tool, FunctionTool) else _FLAT


OfferedTool = Annotated[
    Annotated[ToolSchema, Tag(_FLAT)] | Annotated[FunctionTool, Tag(_WRAPPED)],
    Discriminator(_form),
]


class GenerateRequest(Incoming):
    """A conversation to be continued with text."""

    messages: list[ChatMessage] = Field(min_length=1, max_length=MAX_MESSAGES)
    max_new_tokens: int = Field(default=DEFAULT_MAX_NEW_TOKENS, ge=1)
    temperature: float = Field(default=0.0, ge=0.0, le=5.0, description="0 is greedy.")
    top_p: float = Field(default=1.0, gt=0.0, le=1.0)
    seed: int | None = Field(default=None, ge=0, le=2**63 - 1)
    stream: bool = Field(default=False, description="Answer with server-sent events.")


class GenerateWithFunctionRequest(GenerateRequest):
    """A conversation to be continued with a call of one of the tools."""

    tools: list[OfferedTool] = Field(min_length=1, max_length=MAX_TOOLS)
    tool_choice: ToolName | FunctionChoice = Field(
        default="required",
        description=(
            "`required` (one call of any of the tools), `auto` (text or a call), `none` (text), "
            "or one tool: its name, or OpenAI's object."
        ),
    )


class Usage(BaseModel):
    """What the answer cost."""

    model_config = ConfigDict(extra="forbid")

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    forward_passes: int
    first_token_ms: float
    latency_ms: float


class GenerateAnswer(BaseModel):
    """The assistant's turn."""

    model_config = ConfigDict(extra="forbid")

    role: Literal["assistant"] = "assistant"
    content: str
    finish_reason: Literal["stop", "length"] = Field(
        description="`stop`: the model ended its turn; `length`: max_new_tokens ended it."
    )
    usage: Usage


class AnsweredCall(BaseModel):
    """One tool call of the answer."""

    model_config = ConfigDict(extra="forbid")

    name: str
    arguments: dict[str, JsonValue]


class GenerateWithFunctionAnswer(BaseModel):
    """The assistant's turn; with ``tool_call`` the content is the arguments as a JSON string."""

    model_config = ConfigDict(extra="forbid")

    role: Literal["assistant"] = "assistant"
    content: str
    tool_call: bool
    tool_calls: list[AnsweredCall]
    finish_reason: Literal["stop", "length", "tool_calls"]
    usage: Usage
    tool_result: JsonValue = Field(
        default=None, description="What the tool's handler returned, where the node has one."
    )
    tool_error: str | None = Field(
        default=None, description="Why the tool's handler failed; the call itself is valid."
    )
