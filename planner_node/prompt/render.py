"""Messages and tools to token ids, through the model's own chat template."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from planner_node.grammar.tool import Tool
from planner_node.prompt.message import Message
from planner_node.prompt.shield import Shield, strings_in
from planner_node.prompt.tokenizer import PromptTokenizer


@dataclass(frozen=True, slots=True)
class Prompt:
    """Token ids; the first ``prefix_tokens`` stand before anything the user said."""

    token_ids: tuple[int, ...]
    prefix_tokens: int


class Renderer:
    """Renders conversations for one model; deterministic."""

    def __init__(self, tokenizer: PromptTokenizer) -> None:
        self._tokenizer = tokenizer
        longest_first = sorted(filter(None, tokenizer.specials), key=len, reverse=True)
        self._special = re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")

    def render(self, messages: Sequence[Message], tools: Sequence[Tool]) -> Prompt:
        """Return the prompt up to where the assistant speaks.

        Raises BadCommand when the model's template refuses the order of the turns.
        """
        turns: list[JsonValue] = [_turn(message) for message in messages]
        offers: list[JsonValue] = [_offer(tool) for tool in tools]
        shield = Shield(self._tokenizer.specials, strings_in([*turns, *offers]))
        text = self._tokenizer.template(_marked(turns, shield), _dicts(shield.hide_all(offers)))
        return self._encode(text, shield)

    def _encode(self, text: str, shield: Shield) -> Prompt:
        """Encode run by run between special tokens, as the tokenizer does with the whole."""
        token_ids: list[int] = []
        prefix_tokens = start = 0
        for special in [*self._special.finditer(text), None]:
            run = text[start : special.start() if special else len(text)]
            if shield.marker in run:
                prefix_tokens = len(token_ids)
                run = run.replace(shield.marker, "")
            if run:
                token_ids += self._tokenizer.encode(shield.show(run))
            if special:
                token_ids.append(self._tokenizer.specials[special.group()])
                start = special.end()
        return Prompt(tuple(token_ids), prefix_tokens)


def _marked(turns: list[JsonValue], shield: Shield) -> list[dict[str, JsonValue]]:
    """Hide every string and mark where the user begins to speak."""
    hidden = _dicts(shield.hide_all(turns))
    for turn in hidden:
        if turn["role"] == "user":
            turn["content"] = f"{shield.marker}{turn['content']}"
            break
    return hidden


def _turn(message: Message) -> dict[str, JsonValue]:
    """Return a message as chat templates take it; they trim contents, so does this."""
    turn: dict[str, JsonValue] = {"role": message.role, "content": message.content.strip()}
    if message.tool_calls:
        turn["tool_calls"] = [
            {
                "type": "function",
                "function": {"name": call.name, "arguments": dict(call.arguments)},
            }
            for call in message.tool_calls
        ]
    return turn


def _offer(tool: Tool) -> dict[str, JsonValue]:
    """Return a tool as chat templates take it: OpenAI's form."""
    parameters = dict(tool.parameters if tool.shown is None else tool.shown)
    if "properties" not in parameters:  # templates list them without asking
        parameters = {"type": "object", **parameters, "properties": {}}
    return {
        "type": "function",
        "function": {
            "name": tool.name,
            "description": tool.description,
            "parameters": parameters,
        },
    }


def _dicts(value: JsonValue) -> list[dict[str, JsonValue]]:
    items = value if isinstance(value, list) else []
    return [item for item in items if isinstance(item, dict)]
