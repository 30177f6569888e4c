"""A command becomes what the model is told."""

import pytest

from messages.task import TaskCommand, TaskConstraints, TaskContext
from planner_node.errors import UnknownTool
from planner_node.grammar.tool import NamedTool, ToolUse
from planner_node.prompt.conversation import limit_tasks, task_conversation, user_text
from tests.fakes.catalog import shipped_catalog
from tests.fakes.grammar import random_document, tiny_matcher, tiny_vocabulary

ANSWERS = ("decompose_task", "ask_clarification", "decline_task")


def test_bare_instruction_is_all_the_user_says() -> None:
    said = task_conversation(TaskCommand(instruction="將書本放在側桌上。"), shipped_catalog())
    assert [message.role for message in said.messages] == ["system", "user"]
    assert said.messages[1].content == "將書本放在側桌上。"
    assert said.language == "zh-TW"
    assert "機器人" in said.messages[0].content


def test_english_instruction_has_the_english_system_text() -> None:
    said = task_conversation(TaskCommand(instruction="Find the cup."), shipped_catalog())
    assert said.language == "en"
    assert said.messages[0].content.startswith("You are the task planner")


def test_context_follows_the_instruction_line_by_line() -> None:
    context = TaskContext(
        places=["廚房", "側桌"],
        objects=["書本"],
        completed=["找到書本"],
        failed=["拿起書本"],
        notes="手臂\n很短",
    )
    command = TaskCommand(instruction="將書本放好。", context=context, language="zh-TW")
    assert user_text(command, "zh-TW").split("\n") == [
        "將書本放好。",
        "places: 廚房, 側桌",
        "objects: 書本",
        "completed: 找到書本",
        "failed: 拿起書本",
        "notes: 手臂 很短",
        "language: zh-TW",
    ]


def test_constraints_are_told_too() -> None:
    limits = TaskConstraints(max_subtasks=3, allowed_skills=["PICK"], forbidden=["樓梯"])
    lines = user_text(TaskCommand(instruction="Go.", constraints=limits), "en").split("\n")
    assert lines == ["Go.", "max_subtasks: 3", "allowed_skills: PICK", "forbidden: 樓梯"]


def test_wanted_language_wins_over_that_of_the_instruction() -> None:
    command = TaskCommand(instruction="Find the cup.", language="zh-TW")
    said = task_conversation(command, shipped_catalog())
    assert said.language == "zh-TW"
    assert "機器人" in said.messages[0].content


@pytest.mark.parametrize(("language", "told"), [("zh-Hant-HK", "zh-TW"), ("EN-us", "en")])
def test_wanted_language_is_spelt_as_the_model_knows_it(language: str, told: str) -> None:
    command = TaskCommand(instruction="Find the cup.", language=language)
    said = task_conversation(command, shipped_catalog())
    assert said.language == told
    assert said.messages[1].content == f"Find the cup.\nlanguage: {told}"


def test_all_answers_are_offered_and_one_is_required() -> None:
    said = task_conversation(TaskCommand(instruction="Go."), shipped_catalog(), ANSWERS)
    assert tuple(tool.name for tool in said.tools) == ANSWERS
    assert said.tool_choice is ToolUse.REQUIRED


def test_other_tool_of_the_command_is_offered_alone() -> None:
    command = TaskCommand(instruction="Go.", tool="decline_task")
    said = task_conversation(command, shipped_catalog())
    assert [tool.name for tool in said.tools] == ["decline_task"]
    assert said.tool_choice == NamedTool("decline_task")


def test_unknown_tool_of_the_command_is_refused() -> None:
    with pytest.raises(UnknownTool):
        task_conversation(TaskCommand(instruction="Go.", tool="fly"), shipped_catalog())


@pytest.mark.parametrize("seed", range(6))
def test_limit_on_subtasks_binds_the_grammar(seed: int) -> None:
    tool = limit_tasks(shipped_catalog().tools["decompose_task"], 1)
    text = random_document(tiny_matcher([tool]), tiny_vocabulary(), seed)
    assert text is not None
    assert text.count('"description"') == 1


def test_limit_on_subtasks_leaves_what_the_model_reads() -> None:
    tool = shipped_catalog().tools["decompose_task"]
    assert limit_tasks(tool, 3).shown == tool.parameters


def test_limit_above_the_tools_own_changes_nothing() -> None:
    tool = shipped_catalog().tools["decompose_task"]
    assert limit_tasks(tool, 256).parameters == tool.parameters


def test_tool_without_tasks_has_nothing_to_limit() -> None:
    tool = shipped_catalog().tools["decline_task"]
    assert limit_tasks(tool, 3) is tool


@pytest.mark.parametrize("language", [None, "zh-TW", "zh-CN"])
def test_a_simplified_task_is_put_to_the_model_in_traditional(language: str | None) -> None:
    command = TaskCommand(
        instruction="将书本放在侧桌上。",
        language=language,
        context=TaskContext(objects=["书本", "面包"]),
        constraints=TaskConstraints(allowed_skills=["抓书"], forbidden=["楼梯"]),
    )
    said = task_conversation(command, shipped_catalog())
    assert said.language == "zh-TW"
    assert said.messages[1].content.split("\n")[:4] == [
        "將書本放在側桌上。",
        "objects: 書本, 麵包",
        "allowed_skills: 抓书",
        "forbidden: 樓梯",
    ]
