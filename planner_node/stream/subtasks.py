"""Lifts the subtasks out of a tool call while it is still being written."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pydantic import JsonValue

from planner_node.stream.call import ToolCall
from planner_node.stream.json_reader import JsonReader, Path, ValueClosed
from planner_node.stream.strict import strict_loads

# Llama 3.1 says "parameters", OpenAI and most others "arguments".
ARGUMENTS: Final = ("parameters", "arguments")
_LIST_ITEM_STEPS: Final = 3  # parameters, tasks, the index


@dataclass(frozen=True, slots=True)
class ToolNamed:
    """The model has decided which tool it calls."""

    name: str


@dataclass(frozen=True, slots=True)
class SubtaskClosed:
    """One element of the list of tasks is complete; ``index`` counts from 0."""

    index: int
    fields: Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class CallClosed:
    """The whole call is complete; always the last event."""

    call: ToolCall


CallEvent = ToolNamed | SubtaskClosed | CallClosed


class CallReader:
    """Feed the text of a tool call; get each fact at the moment it is certain.

    Never raises. Text that is no tool call gives no ``CallClosed``; ``broken`` tells it early.
    """

    def __init__(self) -> None:
        self._json = JsonReader()
        self._name: str | None = None
        self._arguments: tuple[str, Mapping[str, JsonValue]] | None = None
        self._broken = False

    @property
    def broken(self) -> bool:
        """Whether this can no longer become a tool call."""
        return self._broken or self._json.broken

    def feed(self, text: str) -> list[CallEvent]:
        """Take the next piece of text, however it was cut."""
        events: list[CallEvent] = []
        for closed in self._json.feed(text):
            event = self._event(closed)
            if event is not None:
                events.append(event)
        return events

    def _event(self, closed: ValueClosed) -> CallEvent | None:
        path = closed.path
        if not _matters(path):
            return None
        if not path:
            return self._finished()
        text = self._json.text[closed.start : closed.end]
        try:
            value = strict_loads(text)
        except ValueError:  # a wrong escape, a lone surrogate, thousands of digits
            self._broken = True
            return None
        match value:
            case str() if path == ("name",):
                self._name = value
                return ToolNamed(value)
            case dict() if len(path) == 1:
                self._arguments = (text, value)
            case dict() if len(path) == _LIST_ITEM_STEPS:
                return SubtaskClosed(int(path[-1]), value)
        return None

    def _finished(self) -> CallClosed | None:
        if self._name is None or self._arguments is None or self._broken:
            self._broken = True
            return None
        return CallClosed(ToolCall(self._name, *self._arguments))


def _matters(path: Path) -> bool:
    match path:
        case () | ("name",):
            return True
        case (str() as word,) | (str() as word, "tasks", int()):
            return word in ARGUMENTS
    return False
