"""A decoded request → the completion that the model is asked for."""

from messages.problem import ProblemCode
from messages.wire import new_id
from planner_node.api.conversation import (
    CalledTool,
    ChatMessage,
    EarlierCall,
    FunctionCall,
    FunctionTool,
    GenerateRequest,
    GenerateWithFunctionRequest,
    OfferedTool,
    ToolSchema,
)
from planner_node.api.ports import Limits
from planner_node.completion.request import (
    CompletionRequest,
    Message,
    NamedTool,
    Tool,
    ToolCall,
    ToolChoice,
    ToolUse,
)
from planner_node.errors import BadCommand, UnknownTool
from planner_node.prompt.language import language_of


def completion_of(asked: GenerateRequest, limits: Limits) -> CompletionRequest:
    """Build the completion of a request.

    Raises:
        BadCommand: more new tokens than the settings allow, or two tools of one name.
        UnknownTool: the chosen tool is not among the offered ones.
    """
    limit_tokens = limits.generation.max_new_tokens_limit
    max_new_tokens = asked.most_new_tokens(limit_tokens)
    _check_new_tokens(max_new_tokens, limit_tokens)
    tools, choice = _tools_of(asked)
    return CompletionRequest(
        request_id=new_id(),
        messages=tuple(_message(message) for message in asked.messages),
        tools=tools,
        tool_choice=choice,
        max_new_tokens=max_new_tokens,
        temperature=asked.temperature,
        top_p=asked.top_p,
        seed=asked.seed,
        timeout_s=limits.generation.timeout_s,
        language=_language(asked),
    )


def _language(asked: GenerateRequest) -> str | None:
    """Answer in the language that the user spoke last."""
    said = [message.text for message in asked.messages if message.role == "user"]
    return language_of(said[-1]) if said else None


def _check_new_tokens(asked_tokens: int, limit_tokens: int) -> None:
    if asked_tokens > limit_tokens:
        raise BadCommand(
            ProblemCode.SCHEMA_INVALID,
            f"max_new_tokens must be from 1 to {limit_tokens}",
            max_new_tokens=asked_tokens,
            limit=limit_tokens,
        )


def _message(message: ChatMessage) -> Message:
    called = [_called(call) for call in message.tool_calls]
    calls = tuple(ToolCall.of(call.name, call.arguments) for call in called)
    role = "system" if message.role == "developer" else message.role  # OpenAI's newer name of it
    return Message(role, message.text, calls)


def _called(call: EarlierCall) -> CalledTool:
    return call.function if isinstance(call, FunctionCall) else call


def _tools_of(asked: GenerateRequest) -> tuple[tuple[Tool, ...], ToolChoice]:
    if not isinstance(asked, GenerateWithFunctionRequest):
        return (), ToolUse.NONE
    schemas = [_schema(tool) for tool in asked.tools]
    names = [schema.name for schema in schemas]
    if len(set(names)) < len(names):
        raise BadCommand(ProblemCode.SCHEMA_INVALID, "two tools have the same name")
    tools = tuple(Tool(s.name, s.description, s.parameters) for s in schemas)
    return tools, _choice(asked, names)


def _schema(tool: OfferedTool) -> ToolSchema:
    return tool.function if isinstance(tool, FunctionTool) else tool


def _choice(asked: GenerateWithFunctionRequest, names: list[str]) -> ToolChoice:
    chosen = asked.tool_choice
    name = chosen if isinstance(chosen, str) else chosen.function.name
    if isinstance(chosen, str) and name in set(ToolUse):
        return ToolUse(name)
    if name not in names:
        raise UnknownTool(
            f"tool_choice names {name}, which is not among the tools", tools=", ".join(names)
        )
    return NamedTool(name)
