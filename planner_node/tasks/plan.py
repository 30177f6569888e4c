"""What a good plan is, one subtask at a time.

The grammar promises a subtask's shape, not its sense: that is looked at here, before anybody hears
of the subtask.
"""

import re
import unicodedata
from collections.abc import Mapping
from typing import Final

from messages.plan import Subtask
from messages.task import TaskConstraints
from messages.wire import JsonValue
from planner_node.errors import PlanInvalid

# The same step twice can be meant ("press the bell twice"); three times is going in circles.
MAX_SAME_STEPS_IN_A_ROW: Final = 2


class PlanDraft:
    """A plan while it is written; each subtask depends on the one before."""

    def __init__(self, constraints: TaskConstraints | None = None, revision: int = 0) -> None:
        self._constraints = constraints or TaskConstraints()
        self._revision = revision
        self._forbidden = [(word, _folded(word)) for word in self._constraints.forbidden]
        self.subtasks: list[Subtask] = []

    def add(self, item: Mapping[str, JsonValue]) -> Subtask:
        """Make the next subtask of what the model wrote: ``task``, ``description``, ``skill``….

        Raises:
            PlanInvalid: empty, forbidden, not allowed, one too many, or the same again and again.
        """
        subtask = self._made(item)
        self._check(subtask)
        self.subtasks.append(subtask)
        return subtask

    def _made(self, item: Mapping[str, JsonValue]) -> Subtask:
        seq = len(self.subtasks)
        skill, arguments = item.get("skill"), item.get("arguments")
        return Subtask(
            subtask_id=subtask_id(self._revision, seq),
            seq=seq,
            task=_text(item.get("task")),
            description=_text(item.get("description")),
            depends_on=[subtask_id(self._revision, seq - 1)] if seq else [],
            skill=skill if isinstance(skill, str) else None,
            arguments=arguments if isinstance(arguments, dict) else None,
        )

    def _check(self, subtask: Subtask) -> None:
        limits = self._constraints
        if not subtask.task:
            raise PlanInvalid("A subtask has no text.", seq=subtask.seq)
        if limits.max_subtasks is not None and subtask.seq >= limits.max_subtasks:
            raise PlanInvalid("Too many subtasks.", max_subtasks=limits.max_subtasks)
        if limits.allowed_skills and subtask.skill not in limits.allowed_skills:
            raise PlanInvalid("A skill is not allowed.", seq=subtask.seq, skill=subtask.skill)
        self._check_words(subtask)
        self._check_repeats(subtask)

    def _check_words(self, subtask: Subtask) -> None:
        text = _folded(f"{subtask.task}\n{subtask.description}\n{subtask.skill or ''}")
        for word, folded in self._forbidden:
            # Hundreds of patterns take tens of milliseconds to make, and few words occur at all.
            if folded in text and _pattern(folded).search(text):
                raise PlanInvalid(
                    "A subtask uses what is forbidden.", seq=subtask.seq, forbidden=word
                )

    def _check_repeats(self, subtask: Subtask) -> None:
        before = self.subtasks[-MAX_SAME_STEPS_IN_A_ROW:]
        same = [step for step in before if _content(step) == _content(subtask)]
        if len(same) == MAX_SAME_STEPS_IN_A_ROW:
            raise PlanInvalid("The model repeats the same subtask.", seq=subtask.seq)


def subtask_id(revision: int, seq: int) -> str:
    """Return the id of a place in the plan: ``s0``, ``s1`` …; unique within its task."""
    return f"s{seq}" if revision == 0 else f"r{revision}-s{seq}"


def _content(subtask: Subtask) -> tuple[object, ...]:
    return (subtask.task, subtask.description, subtask.skill, subtask.arguments)


def _text(value: JsonValue) -> str:
    return value.strip() if isinstance(value, str) else ""


def _pattern(folded: str) -> re.Pattern[str]:
    """Match the word, not a part of another: "cat" is not in "location", but "cats" is cats."""
    before = r"(?<![a-z0-9])" if _is_latin(folded[0]) else ""
    after = r"(?:e?s)?(?![a-z0-9])" if _is_latin(folded[-1]) else ""
    return re.compile(before + re.escape(folded) + after)


def _is_latin(char: str) -> bool:
    return char.isascii() and char.isalnum()


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()
