"""A tool call means what its function says; without one it is a subtask, or a list of them."""

import sys
from pathlib import Path
from types import ModuleType

import pytest

from messages.problem import ProblemCode
from messages.wire import JsonValue
from planner_node.errors import PlanInvalid, SettingsRefused
from planner_node.planner.handlers import (
    Arguments,
    Asked,
    Declined,
    Planned,
    ToolRegistry,
    load_handlers,
)
from planner_node.stream.call import ToolCall


def weather(arguments: Arguments) -> Declined:
    """A tool of somebody's."""
    return Declined(ProblemCode.NOT_A_TASK, f"it rains in {arguments['city']}")


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the name of an importable module with a function ``weather``."""
    module = ModuleType("somebodys_tools")
    module.weather = weather  # type: ignore[attr-defined]
    module.number = 7  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "somebodys_tools", module)
    return "somebodys_tools"


async def test_decompose_task_is_the_plan() -> None:
    tasks: list[JsonValue] = [{"task": "go", "description": "there"}]
    outcome = await ToolRegistry().dispatch(ToolCall.of("decompose_task", {"tasks": tasks}))
    assert outcome == Planned(({"task": "go", "description": "there"},))


async def test_ask_clarification_is_a_question() -> None:
    arguments: dict[str, JsonValue] = {"question": "哪一本？", "options": ["紅", "藍"]}
    outcome = await ToolRegistry().dispatch(ToolCall.of("ask_clarification", arguments))
    assert outcome == Asked("哪一本？", ("紅", "藍"))


@pytest.mark.parametrize("code", ["NOT_A_TASK", "UNSAFE", "IMPOSSIBLE"])
async def test_decline_task_is_a_refusal(code: str) -> None:
    arguments: dict[str, JsonValue] = {"reason_code": code, "reason": "不行"}
    outcome = await ToolRegistry().dispatch(ToolCall.of("decline_task", arguments))
    assert outcome == Declined(ProblemCode(code), "不行")


@pytest.mark.parametrize("code", ["INTERNAL", "nonsense", None, 3])
async def test_decline_task_with_another_code_is_impossible(code: JsonValue) -> None:
    arguments: dict[str, JsonValue] = {"reason_code": code, "reason": "no"}
    outcome = await ToolRegistry().dispatch(ToolCall.of("decline_task", arguments))
    assert outcome == Declined(ProblemCode.IMPOSSIBLE, "no")


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("decompose_task", {"tasks": "go"}),
        ("ask_clarification", {"question": " "}),
        ("decline_task", {"reason_code": "UNSAFE"}),
    ],
)
async def test_a_call_without_sense_is_refused(name: str, arguments: dict[str, JsonValue]) -> None:
    with pytest.raises(PlanInvalid):
        await ToolRegistry().dispatch(ToolCall.of(name, arguments))


async def test_a_tool_without_a_function_is_one_subtask() -> None:
    outcome = await ToolRegistry().dispatch(ToolCall.of("grasp", {"object": "cup", "force_n": 3}))
    assert outcome == Planned(
        ({"task": "grasp", "skill": "grasp", "arguments": {"object": "cup", "force_n": 3}},)
    )


async def test_a_tool_without_a_function_but_with_tasks_is_a_plan() -> None:
    outcome = await ToolRegistry().dispatch(ToolCall.of("split", {"tasks": [{"task": "go"}]}))
    assert outcome == Planned(({"task": "go"},))


async def test_a_named_function_answers_the_tool_of_its_name(plugin: str) -> None:
    registry = load_handlers([f"{plugin}:weather"])
    outcome = await registry.dispatch(ToolCall.of("weather", {"city": "Taipei"}))
    assert outcome == Declined(ProblemCode.NOT_A_TASK, "it rains in Taipei")


async def test_a_function_may_answer_a_tool_of_another_name(plugin: str) -> None:
    registry = load_handlers([f"get_weather={plugin}:weather"])
    assert registry.handles("get_weather")
    assert not registry.handles("weather")


async def test_a_function_may_be_asynchronous() -> None:
    async def later(arguments: Arguments) -> Planned:
        return Planned((arguments,))

    outcome = await ToolRegistry({"later": later}).dispatch(ToolCall.of("later", {"task": "go"}))
    assert outcome == Planned(({"task": "go"},))


@pytest.mark.parametrize(
    "name",
    ["", "nothing", "no_such_module:x", "somebodys_tools:missing", "somebodys_tools:number", ":x"],
)
@pytest.mark.usefixtures("plugin")
def test_a_function_that_is_not_there_refuses_the_start(name: str) -> None:
    with pytest.raises(SettingsRefused) as refusal:
        load_handlers([name])
    assert refusal.value.references["key"] == "planner.handlers"


@pytest.fixture
def working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder that nothing is imported from, as an installed command does."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path])
    return tmp_path


def test_a_function_is_found_in_the_working_folder(working_folder: Path) -> None:
    (working_folder / "tools_beside_the_node.py").write_text("def wave(arguments): ...", "utf-8")
    registry = load_handlers(["tools_beside_the_node:wave"])
    del sys.modules["tools_beside_the_node"]
    assert registry.handles("wave")


def test_a_file_in_the_working_folder_takes_no_librarys_place(working_folder: Path) -> None:
    load_handlers(["json:loads"])
    assert sys.path.index(str(working_folder)) == len(sys.path) - 1


@pytest.mark.usefixtures("working_folder")
def test_without_functions_nothing_is_imported_from_the_working_folder() -> None:
    before = list(sys.path)
    load_handlers([])
    assert sys.path == before


def test_a_module_that_fails_refuses_the_start(working_folder: Path) -> None:
    (working_folder / "failing_tools.py").write_text("1 / 0\n", encoding="utf-8")
    with pytest.raises(SettingsRefused, match="imported: ZeroDivisionError"):
        load_handlers(["failing_tools:weather"])


def test_only_a_plan_that_nobody_changes_is_told_as_it_is_written() -> None:
    registry = ToolRegistry({"own": weather})
    streams = {name: registry.streams(name) for name in ("decompose_task", "unknown", "own")}
    assert streams == {"decompose_task": True, "unknown": True, "own": False}


async def test_the_built_in_functions_are_nobodys_own() -> None:
    assert not ToolRegistry().handles("decompose_task")
