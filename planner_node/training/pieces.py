"""How text is cut before byte-pair merging, so that a name gets the same tokens everywhere.

Han characters and digits stand alone; a lower-case word keeps its leading space, a capital
starts a piece of its own; the fixed strings of a tool call and of the plan style are one piece.
"""

import re
from typing import Final

from planner_node.training.corpus.lexicon import sections

SKELETON: Final = (
    '{"name": "',
    '", "parameters": {"tasks": [{"',
    '", "parameters": {"',
    '", "description": "',
    '"}, {"task": "',
    '", "skill": "',
    '"}, {"skill": "',
    '", "task": "',
    '"}, {"',
    '", "arguments": {"',
    '"}}, {"task": "',
    '"}}]}}',
    '": "',
    '"}]}}',
    '"]}}',
    '"}}',
    'task": "',
    'skill": "',
    'question": "',
    '", "options": [',
    '", "reason": "',
    'reason_code": "',
    " []}}",
    '", "',
    "decompose_task: tasks[task description]",
    "decompose_task: tasks[task]",
    "decompose_task: tasks[",
    (
        "\nask_clarification: question options"
        "\ndecline_task: reason_code=NOT_A_TASK|UNSAFE|IMPOSSIBLE reason"
    ),
    "task description skill=",
    "skill=",
    "task skill=",
    "decompose_task",
    "ask_clarification",
    "decline_task",
    "NOT_A_TASK",
    "UNSAFE",
    "IMPOSSIBLE",
    "reason_code",
    "\n\nTools:\n",
)
_WORDS: Final = (
    "機器人",
    "任務",
    "使用者",
    "步驟",
    "子任務",
    "規劃",
    "分解",
    "幫我",
    "可以",
    "麻煩",
    "然後",
    "充電站",
)
_HAN_OR_MARK: Final = re.compile(r"[\u3000-\u9fff\uff00-\uffef]{2,}")


def phrases() -> tuple[str, ...]:
    """Fixed Chinese fragments of the plan style, longest first."""
    found = set(_WORDS)
    for patterns in sections("zh", "steps").values():
        for pattern in patterns:
            found.update(_HAN_OR_MARK.findall(re.sub(r"\{\w+\}", " ", pattern)))
    return tuple(sorted(found, key=lambda text: (-len(text), text)))


def standing_texts() -> tuple[str, ...]:
    """The system texts of the node and of the seed: read in every request, so one token each."""
    tables = (sections(lang, "systems") for lang in ("zh", "en"))
    return tuple(text for table in tables for kind in ("seed", "node") for text in table[kind])


def pattern() -> str:
    """The regular expression whose matches are the pieces; together they cover any text."""
    whole = sorted([*SKELETON, *standing_texts()], key=len, reverse=True)
    fixed = [*(re.escape(text) for text in whole), *phrases()]
    rest = [r"[\u3400-\u9fff]", r" ?[a-z]+", r"[A-Z][a-z]*", r"[0-9]", r"\n+", r" +", r"[\s\S]"]
    return (
        "|".join([*fixed, *rest])
        .replace(r"\ ", " ")
        .replace("\\\n", r"\n")
        .replace("\n", r"\n")
        .replace('\\"', '"')
    )
