"""What /generate and /generate_with_function are asked and what they answer, on the wire."""

from typing import Annotated, Any, Final, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationInfo,
    field_validator,
)

from messages.decode import Refused, parse_json
from messages.wire import ID_PATTERN, Incoming, JsonValue
from planner_node.completion.request import DEFAULT_MAX_NEW_TOKENS
from planner_node.grammar.limits import SchemaLimits

MAX_MESSAGES: Final = 256
MAX_TOOLS: Final = SchemaLimits().max_tools
MAX_TOOL_CALLS: Final = 64  # of one earlier answer
MAX_PARTS: Final = 64  # of one message
# Far above any context; the model's own limit is told by CONTEXT_TOO_LONG.
MAX_CONTENT_CHARS: Final = 400_000
MAX_TOOL_DESCRIPTION_CHARS: Final = 8_000

ToolName = Annotated[str, Field(pattern=ID_PATTERN)]
Text = Annotated[str, Field(max_length=MAX_CONTENT_CHARS)]
MaxNewTokens = Annotated[int, Field(ge=1)]
# Sent by clients that hold to OpenAI's form. It changes nothing here, so no warning names it.
Echoed = Annotated[JsonValue, Field(description="Taken, and not needed.")]
# No field is called so: a refusal names the place of a fault, not the form that was tried.
_FLAT: Final = "flat form"
_WRAPPED: Final = "wrapped form"
_TEXT: Final = "one text"
_PARTS: Final = "parts of text"


def _arguments(value: Any) -> Any:  # noqa: ANN401  pydantic hands over whatever the client sent
    """Read OpenAI's form of arguments, JSON in a string; none at all are an empty string there."""
    if not isinstance(value, str):
        return value
    try:
        return parse_json(value or "{}")
    except Refused as error:
        raise ValueError("must be an object, or a string that holds its JSON") from error


class CalledTool(Incoming):
    """One tool call: the tool's name and the arguments, as JSON or as JSON in a string."""

    name: ToolName
    arguments: Annotated[
        dict[str, JsonValue],
        BeforeValidator(_arguments, json_schema_input_type=dict[str, JsonValue] | str),
    ]


class FunctionCall(Incoming):
    """The same call in OpenAI's wrapping."""

    type: Literal["function"] = "function"
    function: CalledTool
    id: Echoed = None


def _form(tool: Any) -> str:  # noqa: ANN401  pydantic hands over whatever the client sent
    if isinstance(tool, dict):
        return _WRAPPED if "function" in tool else _FLAT
    return _WRAPPED if isinstance(tool, FunctionTool | FunctionCall) else _FLAT


EarlierCall = Annotated[
    Annotated[CalledTool, Tag(_FLAT)] | Annotated[FunctionCall, Tag(_WRAPPED)],
    Discriminator(_form),
]


class TextPart(Incoming):
    """One of several parts of a message; the model reads nothing but text."""

    type: Literal["text"]
    text: Text


def _content_form(content: Any) -> str:  # noqa: ANN401  as above
    return _PARTS if isinstance(content, list) else _TEXT


Content = Annotated[
    Annotated[Text, Tag(_TEXT)]
    | Annotated[list[TextPart], Field(max_length=MAX_PARTS), Tag(_PARTS)],
    Discriminator(_content_form),
]


class ChatMessage(Incoming):
    """One turn; ``tool_calls`` only where an earlier answer of the assistant is sent back."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    tool_calls: list[EarlierCall] = Field(default=[], max_length=MAX_TOOL_CALLS)
    content: Content | None = Field(
        default=None,
        validate_default=True,
        description="May be null or missing beside `tool_calls` alone.",
    )
    tool_call: Echoed = None
    tool_call_id: Echoed = None

    @field_validator("content", mode="after")
    @classmethod
    def _says_something(cls, content: Content | None, info: ValidationInfo) -> Content | None:
        if content is None and not info.data.get("tool_calls", True):
            raise ValueError("is required where there are no tool_calls")
        return content

    @property
    def text(self) -> str:
        """The content as one text; parts stand on lines of their own, as in vLLM's server."""
        if isinstance(self.content, list):
            return "\n".join(part.text for part in self.content)
        return self.content or ""


class ToolSchema(Incoming):
    """A tool in the seed's flat form; ``parameters`` is the JSON Schema of its arguments."""

    name: ToolName
    description: str = Field(default="", max_length=MAX_TOOL_DESCRIPTION_CHARS)
    parameters: dict[str, JsonValue] = {"type": "object", "properties": {}}
    strict: Echoed = None  # a call always keeps to its schema


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


OfferedTool = Annotated[
    Annotated[ToolSchema, Tag(_FLAT)] | Annotated[FunctionTool, Tag(_WRAPPED)],
    Discriminator(_form),
]


def unsaid_new_tokens(limit_tokens: int) -> int:
    """Return how many tokens an answer may have where its request does not say."""
    return min(DEFAULT_MAX_NEW_TOKENS, limit_tokens)


class GenerateRequest(Incoming):
    """A conversation to be continued with text. An option that is null is as good as unsaid."""

    messages: list[ChatMessage] = Field(min_length=1, max_length=MAX_MESSAGES)
    max_new_tokens: MaxNewTokens | None = None  # what None stands for, ``Service`` says
    max_completion_tokens: MaxNewTokens | None = Field(
        default=None, description="OpenAI's name of `max_new_tokens`, which goes before it."
    )
    max_tokens: MaxNewTokens | None = Field(
        default=None, description="Its older name; the others go before it."
    )
    temperature: float = Field(default=0.0, ge=0.0, le=5.0, description="0 is greedy.")
    top_p: float = Field(default=1.0, gt=0.0, le=1.0)
    seed: int | None = Field(default=None, ge=0, le=2**63 - 1)
    stream: bool = Field(default=False, description="Answer with server-sent events.")

    def most_new_tokens(self, limit_tokens: int) -> int:
        """Return how many tokens the answer may have, by whichever name."""
        named = (self.max_new_tokens, self.max_completion_tokens, self.max_tokens)
        unsaid = unsaid_new_tokens(limit_tokens)
        return next((tokens for tokens in named if tokens is not None), unsaid)


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


Warnings = Annotated[
    list[str], Field(description="What was asked and ignored; absent where nothing was.")
]


class GenerateAnswer(BaseModel):
    """The assistant's turn."""

    model_config = ConfigDict(extra="forbid")

    role: Literal["assistant"] = "assistant"
    content: str
    finish_reason: Literal["stop", "length"] = Field(
        description="`stop`: the model ended its turn; `length`: max_new_tokens ended it."
    )
    usage: Usage
    warnings: Warnings = []


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
    warnings: Warnings = []
