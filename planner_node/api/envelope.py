"""The text of a completion, told apart while it arrives: plain words, or the arguments of a call.

A call is Llama 3.1's envelope ``{"name": "decompose_task", "parameters": {...}}`` with exactly
these separators: the grammar forces them. What a client reads is the inner object, so the last
character of the text is always held back: it is the envelope's own closing brace.
"""

import json
import re
from dataclasses import dataclass
from typing import Final

from planner_node.completion.request import CompletionUsage, FinishReason, ToolCall

_OPENING: Final = '{"name": "'
_HEAD: Final = re.compile(r'\{"name": "([^"\\]*)", "(?:parameters|arguments)": ')
_MAX_HEAD_CHARS: Final = 256


@dataclass(frozen=True, slots=True)
class Words:
    """The next piece of plain text."""

    text: str


@dataclass(frozen=True, slots=True)
class CallOpened:
    """The answer is a call of this tool."""

    name: str


@dataclass(frozen=True, slots=True)
class Arguments:
    """The next piece of the call's arguments, as JSON text."""

    text: str


Piece = Words | CallOpened | Arguments


@dataclass(frozen=True, slots=True)
class Ended:
    """The last thing a generation yields: everything that the answer needs."""

    content: str
    call: ToolCall | None
    finish: FinishReason
    usage: CompletionUsage


class EnvelopeReader:
    """Feed chunks, get pieces; ``calls`` says whether a call can come at all."""

    def __init__(self, *, calls: bool) -> None:
        self._undecided = "" if calls else None
        self._name: str | None = None
        self._held = ""
        self._arguments: list[str] = []
        self._words: list[str] = []

    def feed(self, text: str) -> list[Piece]:
        """Return what became certain with ``text``."""
        if self._undecided is None:
            return self._go_on(text)
        self._undecided += text
        if head := _HEAD.match(self._undecided):
            rest, self._undecided, self._name = self._undecided[head.end() :], None, head[1]
            return [CallOpened(head[1]), *self._go_on(rest)]
        if _may_become_call(self._undecided):
            return []
        return self.flush()

    def flush(self) -> list[Piece]:
        """Return what was held back because it could still have become a call."""
        text, self._undecided = self._undecided or "", None
        return self._go_on(text)

    @property
    def text(self) -> str:
        """What the client reads as ``content``: the arguments of the call, or the words."""
        return "".join(self._words if self._name is None else self._arguments)

    @property
    def call(self) -> ToolCall | None:
        """The whole call once the text has ended; None for plain text and for half a call."""
        if self._name is None or self._held != "}":
            return None
        try:
            arguments = json.loads(self.text)
        except ValueError:
            return None
        return ToolCall(self._name, self.text, arguments) if isinstance(arguments, dict) else None

    @property
    def opened(self) -> bool:
        """Whether the text is a call, whole or not."""
        return self._name is not None

    def _go_on(self, text: str) -> list[Piece]:
        if not text:
            return []
        if self._name is None:
            self._words.append(text)
            return [Words(text)]
        certain, self._held = (self._held + text)[:-1], text[-1]
        self._arguments.append(certain)
        return [Arguments(certain)] if certain else []


def _may_become_call(text: str) -> bool:
    if len(text) <= len(_OPENING):
        return _OPENING.startswith(text)
    return text.startswith(_OPENING) and len(text) < _MAX_HEAD_CHARS
