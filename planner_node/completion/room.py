"""Whether a conversation leaves a model's context room for an answer."""

from collections.abc import Mapping, Sequence
from typing import Final

from planner_node.completion.request import Message, Tool
from planner_node.errors import ContextTooLong
from planner_node.prompt.render import Prompt, Renderer

# No text has more characters a token on average; beyond it, tokenizing would only cost time.
_MAX_CHARS_PER_TOKEN: Final = 16


def refuse_endless(messages: Sequence[Message], tools: Sequence[Tool], context_tokens: int) -> None:
    """Raise ContextTooLong for what cannot fit, however its text is cut into tokens.

    Cheap beside all that follows: to make the grammar, to render and to cut into tokens.
    """
    chars = sum(len(message.content) for message in messages) + sum(map(_chars, tools))
    if chars > context_tokens * _MAX_CHARS_PER_TOKEN:
        raise ContextTooLong(
            f"{chars} characters are far more than the model's {context_tokens} tokens",
            context_tokens=context_tokens,
        )


def prompt_within(
    context_tokens: int, renderer: Renderer, messages: Sequence[Message], tools: Sequence[Tool]
) -> Prompt:
    """Render a conversation; raise ContextTooLong where no room is left."""
    refuse_endless(messages, tools, context_tokens)
    prompt = renderer.render(messages, tools)
    if len(prompt.token_ids) >= context_tokens:
        raise ContextTooLong(
            f"the prompt has {len(prompt.token_ids)} tokens, the model's context {context_tokens}",
            prompt_tokens=len(prompt.token_ids),
            context_tokens=context_tokens,
        )
    return prompt


def _chars(tool: Tool) -> int:
    """Count the texts that the model reads of a tool; without recursion, as deep as they stand."""
    chars = len(tool.name) + len(tool.description)
    waiting: list[object] = [tool.parameters if tool.shown is None else tool.shown]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            chars += len(value)
        elif isinstance(value, Mapping):
            waiting += [*value, *value.values()]
        elif isinstance(value, list | tuple):
            waiting += value
    return chars
