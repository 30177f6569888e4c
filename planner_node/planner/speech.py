"""In which language and script a task is planned, and what its sender is told of that."""

import asyncio
from collections.abc import Iterator
from typing import Final

from messages.task import TaskCommand, TaskConstraints
from planner_node.grammar.script import is_simplified, keeps_traditional
from planner_node.planner.generation import Fields
from planner_node.prompt.chinese import has_simplified, in_script, prepare
from planner_node.prompt.language import is_met, language_of
from planner_node.tasks.record import TaskRecord

_TOLD: Final = ("task", "description")  # a skill and its arguments are names that the robot goes by


def language_warnings(command: TaskCommand, answered: str) -> Iterator[str]:
    """Yield, in both languages, where the plan is not in the language that was asked for."""
    asked = command.language or language_of(command.instruction)
    if not is_met(asked, answered):
        yield (
            f"{asked} is not among the languages of this node: the plan is in {answered} · "
            f"本節點不使用 {asked}，計畫以 {answered} 撰寫"
        )
    if keeps_traditional(answered) and has_simplified(command.instruction):
        yield (
            "the instruction has Simplified characters: the model reads it in Traditional ones · "
            "指示含有簡體字，模型所讀的是轉換後的正體字"
        )


async def prepare_script(record: TaskRecord) -> None:
    """Read what a task's conversions need, off the loop and once."""
    if is_simplified(record.language) or has_simplified(record.command.instruction):
        await asyncio.to_thread(prepare)


def limits_in(constraints: TaskConstraints | None, language: str) -> TaskConstraints | None:
    """Return the limits with every forbidden word in the plan's script too: it would slip by."""
    if constraints is None:
        return None
    words = constraints.forbidden
    both = dict.fromkeys([*words, *(in_script(word, language) for word in words)])
    return constraints.model_copy(update={"forbidden": [*both]})


def fields_in(fields: Fields, language: str) -> Fields:
    """Return what the model wrote of a subtask with its texts in the plan's script."""
    return {
        name: in_script(value, language) if name in _TOLD and isinstance(value, str) else value
        for name, value in fields.items()
    }
