"""A robot's command as a conversation: who the model is, and what it is asked."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from pydantic import JsonValue

from messages.task import TaskCommand, TaskConstraints, TaskContext
from planner_node.grammar.tool import NamedTool, Tool, ToolChoice, ToolUse
from planner_node.prompt.catalog import Catalog
from planner_node.prompt.chinese import in_script
from planner_node.prompt.language import language_of, model_language
from planner_node.prompt.message import Message

DECOMPOSE_TASK: Final = "decompose_task"
_TASKS: Final = "tasks"


@dataclass(frozen=True, slots=True)
class Conversation:
    """What is said to the model, which tools it has, and the language that it is to answer in."""

    messages: tuple[Message, ...]
    tools: tuple[Tool, ...]
    tool_choice: ToolChoice
    language: str


def task_conversation(
    command: TaskCommand,
    catalog: Catalog,
    answers: Sequence[str] = (DECOMPOSE_TASK,),
    language: str | None = None,
) -> Conversation:
    """Return the conversation that asks for a plan.

    ``answers`` names the tools that a model may choose from; a command that names another tool
    is answered with that one. ``language`` is the plan's, by default what the command wants or is
    in; the model is told it as it knows it (``model_language``). Raises UnknownTool.
    """
    wanted = language or command.language or language_of(command.instruction)
    language = model_language(wanted)
    tools, choice = _offered(command.tool, catalog, answers)
    most = command.constraints.max_subtasks if command.constraints else None
    return Conversation(
        messages=(
            Message("system", catalog.system_text(wanted)),
            Message("user", user_text(command, language)),
        ),
        tools=tuple(tool if most is None else limit_tasks(tool, most) for tool in tools),
        tool_choice=choice,
        language=language,
    )


def user_text(command: TaskCommand, language: str) -> str:
    """Return the instruction, and below it one line for each thing that is known.

    All is in the script of ``language`` but the skills, which are names that the robot goes by.
    """
    lines = [command.instruction]
    if command.context is not None:
        lines += _context_lines(command.context)
    lines = [in_script("\n".join(lines), language)]
    if command.constraints is not None:
        lines += _constraint_lines(command.constraints, language)
    if command.language is not None:
        lines.append(f"language: {language}")
    return "\n".join(lines)


def limit_tasks(tool: Tool, most: int) -> Tool:
    """Return the tool with at most ``most`` tasks in its list; the model reads it unchanged."""
    properties = tool.parameters.get("properties")
    tasks = properties.get(_TASKS) if isinstance(properties, dict) else None
    if not isinstance(properties, dict) or not isinstance(tasks, dict):
        return tool
    limited: dict[str, JsonValue] = {**tasks, "maxItems": min(most, _max_items(tasks, most))}
    parameters = {**tool.parameters, "properties": {**properties, _TASKS: limited}}
    return replace(tool, parameters=parameters, shown=tool.shown or tool.parameters)


def _max_items(tasks: dict[str, JsonValue], default: int) -> int:
    own = tasks.get("maxItems")
    return own if isinstance(own, int) else default


def _offered(
    name: str | None, catalog: Catalog, answers: Sequence[str]
) -> tuple[tuple[Tool, ...], ToolChoice]:
    if name is not None and name not in answers:
        return (catalog.tool(name),), NamedTool(name)
    tools = tuple(catalog.tool(answer) for answer in answers)
    return tools, ToolUse.REQUIRED


def _context_lines(context: TaskContext) -> list[str]:
    named = {
        "places": context.places,
        "objects": context.objects,
        "completed": context.completed,
        "failed": context.failed,
        "notes": [context.notes] if context.notes else [],
    }
    return _lines(named)


def _constraint_lines(constraints: TaskConstraints, language: str) -> list[str]:
    most = constraints.max_subtasks
    named = {
        "max_subtasks": [] if most is None else [str(most)],
        "allowed_skills": constraints.allowed_skills,
        "forbidden": [in_script(word, language) for word in constraints.forbidden],
    }
    return _lines(named)


def _lines(named: dict[str, list[str]]) -> list[str]:
    """One line a name; line breaks inside a value would read as another name."""
    return [
        f"{name}: {', '.join(' '.join(value.split()) for value in values)}"
        for name, values in named.items()
        if values
    ]
