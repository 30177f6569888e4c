"""A conversation in Simplified Chinese: put to the model in Traditional, answered in Simplified.

The models were taught Traditional Chinese (``prompt/chinese.py``). What a tool's schema names stays
as it stands there, whatever its script: the answer must fit it. A piece is turned as soon as what
follows cannot change it: words up to a sign that is no Chinese character, a text of a call when it
has closed. So the pieces of a stream join to the very answer that comes without one.
"""

import json
import re
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Final

from messages.wire import JsonValue
from planner_node.api.envelope import Arguments, CallOpened, Ended, Piece, Words
from planner_node.completion.request import CompletionRequest, Message, Tool, ToolCall
from planner_node.prompt.chinese import prepare, simplified, traditional
from planner_node.prompt.shield import strings_in
from planner_node.stream.json_reader import JsonReader

_NOT_HAN: Final = re.compile("[^\u3400-\u9fff\uf900-\ufaff\U00020000-\U000323af]+")
# What a regular expression needs to take one script and not the other.
_TELLS_SCRIPTS_APART: Final = re.compile(r"[^\x00-\x7f]|\\[uUxpP]")
_Turn = Callable[[str], str]


def in_traditional(request: CompletionRequest) -> CompletionRequest:
    """Return the request with what was said in Traditional Chinese; slow, call it off the loop."""
    prepare()  # the way back as well, which the answer goes on the loop
    tools = {tool.name: tool for tool in request.tools}
    return replace(request, messages=tuple(_traditional(one, tools) for one in request.messages))


async def in_simplified(
    pieces: AsyncGenerator[Piece | Ended, None], tools: Sequence[Tool]
) -> AsyncGenerator[Piece | Ended, None]:
    """Yield an answer with its texts in Simplified Chinese; ``tools`` are those it may call."""
    offered = {tool.name: tool for tool in tools}
    text: _Words | _Call = _Words()
    kind: type[Words | Arguments] = Words
    content = ""
    async with aclosing(pieces):
        async for piece in pieces:
            if isinstance(piece, CallOpened):
                text, kind = _Call(offered.get(piece.name), simplified), Arguments
                yield piece
                continue
            told = text.rest() if isinstance(piece, Ended) else text.feed(piece.text)
            content += told
            if told:
                yield kind(told)
            if isinstance(piece, Ended):
                yield _saying(piece, content)


def _saying(ended: Ended, content: str) -> Ended:
    return replace(ended, content=content, call=ended.call and _with(ended.call, content))


class _Words:
    """Plain text as it arrives; a run of Chinese characters waits for its end."""

    def __init__(self) -> None:
        self._held = ""

    def feed(self, text: str) -> str:
        """Return what became certain with ``text``, turned."""
        cut = max((other.end() for other in _NOT_HAN.finditer(text)), default=0)
        if not cut:
            self._held += text
            return ""
        told, self._held = self._held + text[:cut], text[cut:]
        return simplified(told)

    def rest(self) -> str:
        """Return what was held back, turned."""
        return simplified(self._held)


class _Call:
    """The arguments of a call as they arrive; keys stay, and so does what the schema names."""

    def __init__(self, tool: Tool | None, turn: _Turn) -> None:
        schema = dict(tool.parameters) if tool else {}
        self._names = frozenset(strings_in(schema))
        keeps_script = any(map(_TELLS_SCRIPTS_APART.search, _patterns(schema)))
        self._turn = str if keeps_script else turn
        self._json = JsonReader()
        self._told = 0

    def feed(self, text: str) -> str:
        """Return what became certain with ``text``, turned."""
        told = ""
        for value in self._json.feed(text):
            if self._json.text[value.start] == '"':
                told += self._json.text[self._told : value.start]
                told += self._turned(self._json.text[value.start : value.end])
                self._told = value.end
        return told

    def rest(self) -> str:
        """Return what follows the last text."""
        return self._json.text[self._told :]

    def _turned(self, quoted: str) -> str:
        if json.loads(quoted) in self._names:
            return quoted
        turned = self._turn(quoted)
        return turned if len(turned) == len(quoted) else quoted  # the schema may count characters


def _patterns(schema: JsonValue) -> Iterator[str]:
    """Yield every regular expression of a schema."""
    if isinstance(schema, dict):
        if isinstance(pattern := schema.get("pattern"), str):
            yield pattern
        schema = list(schema.values())
    if isinstance(schema, list):
        for child in schema:
            yield from _patterns(child)


def _traditional(message: Message, tools: Mapping[str, Tool]) -> Message:
    calls = tuple(_traditional_call(call, tools.get(call.name)) for call in message.tool_calls)
    return replace(message, content=traditional(message.content), tool_calls=calls)


def _traditional_call(call: ToolCall, tool: Tool | None) -> ToolCall:
    text = _Call(tool, traditional)
    return _with(call, text.feed(call.arguments_json) + text.rest())


def _with(call: ToolCall, arguments_json: str) -> ToolCall:
    return ToolCall(call.name, arguments_json, json.loads(arguments_json))
