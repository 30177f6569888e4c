"""What a tool call means: tool name → function → outcome.

Adding a tool is one JSON file among the tools; if its call should do something, also one function
that is named in ``planner.handlers`` as ``module:function`` or ``tool=module:function``.
"""

import importlib
import inspect
import os
import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias, cast

from messages.problem import ProblemCode
from messages.wire import JsonValue
from planner_node.errors import PlanInvalid, SettingsRefused
from planner_node.stream.call import ToolCall

Arguments: TypeAlias = Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class Planned:
    """The subtasks in order, each with ``task`` and, where given, ``description``, ``skill``…."""

    items: tuple[Arguments, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """Something must be known before a plan can be made."""

    question: str
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Declined:
    """Understood and refused; ``reason`` is for the user, in the user's language."""

    code: ProblemCode
    reason: str


Outcome: TypeAlias = Planned | Asked | Declined
Handler: TypeAlias = Callable[[Arguments], Outcome | Awaitable[Outcome]]

_REFUSALS: Final = frozenset(
    {ProblemCode.NOT_A_TASK, ProblemCode.UNSAFE, ProblemCode.IMPOSSIBLE, ProblemCode.AMBIGUOUS}
)


def decompose_task(arguments: Arguments) -> Planned:
    """Take the list of subtasks."""
    items = arguments.get("tasks")
    if not isinstance(items, list):
        raise PlanInvalid("The call has no list of tasks.")
    return Planned(tuple(item for item in items if isinstance(item, dict)))


def ask_clarification(arguments: Arguments) -> Asked:
    """Take the question and its possible answers."""
    options = arguments.get("options")
    return Asked(
        question=_text(arguments, "question"),
        options=tuple(str(option) for option in options) if isinstance(options, list) else (),
    )


def decline_task(arguments: Arguments) -> Declined:
    """Take the reason, as a code and as words."""
    asked = arguments.get("reason_code")
    code = next((one for one in _REFUSALS if one == asked), ProblemCode.IMPOSSIBLE)
    return Declined(code, _text(arguments, "reason"))


BUILT_IN: Final[dict[str, Handler]] = {
    handler.__name__: handler for handler in (decompose_task, ask_clarification, decline_task)
}


class ToolRegistry:
    """Which function answers which tool; a tool without one is a subtask, or a list of them."""

    def __init__(self, handlers: Mapping[str, Handler] | None = None) -> None:
        self._own = frozenset(handlers or {})
        self._handlers: dict[str, Handler] = {**BUILT_IN, **(handlers or {})}

    def handles(self, tool_name: str) -> bool:
        """Whether the operator named a function for this tool; the built-in ones do nothing."""
        return tool_name in self._own

    def streams(self, tool_name: str) -> bool:
        """Whether the call's ``tasks`` are the plan, so that each may go out as it closes."""
        handler = self._handlers.get(tool_name)
        return handler is None or handler is decompose_task

    async def dispatch(self, call: ToolCall) -> Outcome:
        """Give the call to its function.

        Raises:
            PlanInvalid: the built-in functions cannot make sense of the arguments.
        """
        handler = self._handlers.get(call.name)
        if handler is None:
            return _without_handler(call)
        outcome = handler(call.arguments)
        return await outcome if inspect.isawaitable(outcome) else outcome


def load_handlers(names: Iterable[str]) -> ToolRegistry:
    """Import ``module:function`` or ``tool=module:function``, one a name.

    The module may lie in the working folder, from where an installed command does not import by
    itself.

    Raises:
        SettingsRefused: there is no such module or function, or the module fails.
    """
    names, folder = tuple(names), os.getcwd()  # noqa: PTH109  sys.path holds strings
    if names and folder not in sys.path:
        sys.path.append(folder)  # last: a file there must not take the place of a library's module
    return ToolRegistry(dict(_loaded(name) for name in names))


def _loaded(name: str) -> tuple[str, Handler]:
    tool_name, _, path = name.rpartition("=")
    module_name, _, function_name = path.partition(":")
    try:
        function = getattr(importlib.import_module(module_name), function_name)
    except (ImportError, AttributeError, ValueError) as error:
        raise SettingsRefused(
            f"planner.handlers: {name!r} is not module:function ({error})", key="planner.handlers"
        ) from error
    except Exception as error:
        raise SettingsRefused(
            f"planner.handlers: {name!r} fails while it is imported: "
            f"{type(error).__name__}: {error}",
            key="planner.handlers",
        ) from error
    if not callable(function):
        raise SettingsRefused(
            f"planner.handlers: {name!r} cannot be called", key="planner.handlers"
        )
    return tool_name or function_name, cast("Handler", function)


def _without_handler(call: ToolCall) -> Planned:
    if isinstance(call.arguments.get("tasks"), list):
        return decompose_task(call.arguments)
    item: dict[str, JsonValue] = {
        "task": call.name,
        "skill": call.name,
        "arguments": dict(call.arguments),
    }
    return Planned((item,))


def _text(arguments: Arguments, name: str) -> str:
    value = arguments.get(name)
    if not isinstance(value, str) or not value.strip():
        raise PlanInvalid(f"The call has no {name}.")
    return value.strip()
