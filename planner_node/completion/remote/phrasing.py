"""The same conversation as a server takes it: as token ids, or as messages."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from pydantic import JsonValue

from planner_node.completion.remote.schema import Body
from planner_node.completion.request import CompletionRequest, Message, Tool
from planner_node.completion.room import prompt_within, refuse_endless
from planner_node.grammar.vocabulary import Vocabulary
from planner_node.prompt.render import Renderer

Path = Literal["/v1/completions", "/v1/chat/completions"]
# In the words that Llama 3.1's own template has for it, which other models understand as well.
_TOOLS: Final = (
    "Given the following functions, please respond with a JSON for a function call with its proper "
    "arguments that best answers the given prompt.\n\n"
    'Respond in the format {"name": function name, "parameters": dictionary of argument name and '
    "its value}. Do not use variables."
)


@dataclass(frozen=True, slots=True)
class Phrased:
    """The part of a request's body that says what is asked; ``prompt_tokens`` 0 = not known.

    ``context_tokens`` is the context's size where it has less room than the request asks for.
    """

    body: Body
    prompt_tokens: int = 0
    context_tokens: int | None = None


class Phrasing(Protocol):
    """One way to put a conversation."""

    @property
    def path(self) -> Path:
        """The route that takes it."""
        ...

    def phrase(
        self, request: CompletionRequest, tools: Sequence[Tool], context_tokens: int
    ) -> Phrased:
        """Return the body's part; raise ContextTooLong or BadCommand."""
        ...


class TokenPhrasing:
    """Token ids by the model's own tokenizer: what a local engine would be given, id by id.

    What people write stays text, whatever special tokens it names, and an answer is leant towards
    as it is here, but for one thing: a server adds the bias wherever the token could come.
    """

    path: Final = "/v1/completions"

    def __init__(self, renderer: Renderer, vocabulary: Vocabulary) -> None:
        self._renderer = renderer
        self._vocabulary = vocabulary

    def phrase(
        self, request: CompletionRequest, tools: Sequence[Tool], context_tokens: int
    ) -> Phrased:
        ids = prompt_within(context_tokens, self._renderer, request.messages, tools).token_ids
        room = context_tokens - len(ids)
        body: Body = {"prompt": list(ids), "max_tokens": min(request.max_new_tokens, room)}
        if request.preferred:
            body["logit_bias"] = {
                str(self._vocabulary.first_token_of(name)): logits
                for name, logits in request.preferred
            }
        return Phrased(body, len(ids), context_tokens if room < request.max_new_tokens else None)


class ChatPhrasing:
    """Messages for the server's own chat template, with the tools in the system text.

    As text, not as ``tools``: a server given tools answers in its own form of call, each in
    another, and most take no schema beside them.
    """

    path: Final = "/v1/chat/completions"

    def phrase(
        self, request: CompletionRequest, tools: Sequence[Tool], context_tokens: int
    ) -> Phrased:
        refuse_endless(request.messages, tools, context_tokens)
        turns: list[JsonValue] = [*map(_turn, _with_tools(request.messages, tools))]
        return Phrased({"messages": turns, "max_tokens": request.max_new_tokens})


def _with_tools(messages: Sequence[Message], tools: Sequence[Tool]) -> tuple[Message, ...]:
    if not tools:
        return tuple(messages)
    shown = "\n\n".join(json.dumps(_offer(tool), ensure_ascii=False) for tool in tools)
    said = [message.content for message in messages[:1] if message.role == "system"]
    system = Message("system", "\n\n".join([*said, _TOOLS, shown]))
    return (system, *messages[len(said) :])


def _offer(tool: Tool) -> Body:
    parameters = dict(tool.parameters if tool.shown is None else tool.shown)
    return {"name": tool.name, "description": tool.description, "parameters": parameters}


def _turn(message: Message) -> JsonValue:
    """Return a message in OpenAI's form; a call is told in the form that the answer has."""
    role = "user" if message.role == "tool" else message.role
    calls = [
        json.dumps({"name": call.name, "parameters": dict(call.arguments)}, ensure_ascii=False)
        for call in message.tool_calls
    ]
    return {"role": role, "content": "\n".join(calls) or message.content}
