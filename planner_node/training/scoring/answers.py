"""What an engine answered, read from the text that it generated or the call that it made."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from planner_node.training.scoring.terms import AnswerKind

_TOOLS: Final = {
    "decompose_task": AnswerKind.PLAN,
    "ask_clarification": AnswerKind.ASK,
    "decline_task": AnswerKind.DECLINE,
}
_CODES: Final = frozenset({"NOT_A_TASK", "UNSAFE", "IMPOSSIBLE"})
_MARKS: Final = ("<|begin_of_text|>", "<|python_tag|>", "<|eot_id|>", "<|eom_id|>")


@dataclass(frozen=True, slots=True)
class Subtask:
    """One step of a plan as the tool has it."""

    task: str
    description: str


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: a plan, a question, a refusal, or nothing that could be read."""

    kind: AnswerKind
    tasks: tuple[Subtask, ...] = ()
    text: str = ""  # the question or the reason
    options: tuple[str, ...] = ()
    code: str = ""
    raw: str = ""

    @property
    def texts(self) -> list[str]:
        """Return everything that a person reads."""
        spoken = [part for t in self.tasks for part in (t.task, t.description)]
        return spoken + ([" ".join((self.text, *self.options))] if self.text else [])


def plan(*steps: str | tuple[str, str]) -> Answer:
    """Return a plan of these titles; a bare title is its own description."""
    pairs = [(s, s) if isinstance(s, str) else s for s in steps]
    return Answer(AnswerKind.PLAN, tuple(Subtask(*pair) for pair in pairs))


def read_text(text: str) -> Answer:
    """Read a generated Llama 3.1 tool call, ``{"name": …, "parameters": {…}}``."""
    for mark in _MARKS:
        text = text.replace(mark, "")
    try:
        call = json.loads(text)
    except ValueError:
        return Answer(AnswerKind.INVALID, raw=text)
    if not isinstance(call, dict):
        return Answer(AnswerKind.INVALID, raw=text)
    arguments = call.get("parameters", call.get("arguments"))
    return read_call(str(call.get("name", "")), arguments, raw=text)


def read_call(name: str, arguments: object, raw: str = "") -> Answer:
    """Read a call's name and arguments (an object, or its JSON text)."""
    if isinstance(arguments, str):
        raw = raw or arguments
        try:
            arguments = json.loads(arguments)
        except ValueError:
            return Answer(AnswerKind.INVALID, raw=raw)
    raw = raw or json.dumps({"name": name, "parameters": arguments}, ensure_ascii=False)
    kind = _TOOLS.get(name, AnswerKind.INVALID)
    if not isinstance(arguments, dict) or kind is AnswerKind.INVALID:
        return Answer(AnswerKind.INVALID, raw=raw)
    return _read_arguments(kind, arguments, raw)


def _read_arguments(kind: AnswerKind, arguments: Mapping[str, object], raw: str) -> Answer:
    if kind is AnswerKind.PLAN:
        return _read_plan(arguments, raw)
    text = arguments.get("question" if kind is AnswerKind.ASK else "reason")
    options = arguments.get("options", []) if kind is AnswerKind.ASK else []
    code = arguments.get("reason_code", "")
    sound = isinstance(text, str) and isinstance(options, list)
    if not sound or (kind is AnswerKind.DECLINE and code not in _CODES):
        return Answer(AnswerKind.INVALID, raw=raw)
    listed = tuple(str(o) for o in options) if isinstance(options, list) else ()
    return Answer(kind, text=str(text), options=listed, code=str(code), raw=raw)


def _read_plan(arguments: Mapping[str, object], raw: str) -> Answer:
    tasks = arguments.get("tasks")
    if not isinstance(tasks, list):
        return Answer(AnswerKind.INVALID, raw=raw)
    steps = [_read_subtask(task) for task in tasks]
    if None in steps:
        return Answer(AnswerKind.INVALID, raw=raw)
    return Answer(AnswerKind.PLAN, tuple(step for step in steps if step), raw=raw)


def _read_subtask(task: object) -> Subtask | None:
    if not isinstance(task, dict):
        return None
    title, description = task.get("task"), task.get("description", "")
    if not isinstance(title, str) or not isinstance(description, str):
        return None
    return Subtask(title, description)
