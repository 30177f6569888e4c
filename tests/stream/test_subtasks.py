"""Each subtask is told when its object closes; the call at the very end."""

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner_node.stream.call import ToolCall
from planner_node.stream.subtasks import CallClosed, CallEvent, CallReader, SubtaskClosed, ToolNamed
from tests.fakes.completion import SEED_PLAN, plan_call, tool_call


def read(text: str) -> list[CallEvent]:
    return CallReader().feed(text)


def fields(task: str, description: str) -> dict[str, str]:
    return {"task": task, "description": description}


def test_seed_plan_is_told_in_order() -> None:
    text = plan_call(*SEED_PLAN)
    arguments = json.loads(text)["parameters"]
    arguments_json = json.dumps(arguments, ensure_ascii=False)
    assert read(text) == [
        ToolNamed("decompose_task"),
        *(SubtaskClosed(i, fields(*step)) for i, step in enumerate(SEED_PLAN)),
        CallClosed(ToolCall("decompose_task", arguments_json, arguments)),
    ]


def test_subtask_is_told_with_its_own_brace() -> None:
    reader = CallReader()
    text = plan_call(*SEED_PLAN)
    end = text.index("}") + 1
    assert [type(event) for event in reader.feed(text[: end - 1])] == [ToolNamed]
    assert reader.feed("}") == [SubtaskClosed(0, fields(*SEED_PLAN[0]))]


def test_name_is_told_before_the_arguments_begin() -> None:
    assert read('{"name": "decline_task"') == [ToolNamed("decline_task")]


@given(cuts=st.lists(st.integers(0, 400), max_size=8))
def test_cuts_do_not_matter(cuts: list[int]) -> None:
    text = plan_call(*SEED_PLAN)
    edges = sorted({0, len(text), *(cut % len(text) for cut in cuts)})
    reader = CallReader()
    pieces = [text[start:end] for start, end in itertools.pairwise(edges)]
    assert [event for piece in pieces for event in reader.feed(piece)] == read(text)


def test_half_a_plan_gives_what_has_closed_and_no_call() -> None:
    text = plan_call(*SEED_PLAN)
    events = read(text[: text.index("走到") + 1])
    assert [type(event) for event in events] == [ToolNamed, SubtaskClosed, SubtaskClosed]


def test_arguments_keep_the_text_of_the_model() -> None:
    text = '{"name": "t", "parameters": {"b":1,  "a": "書"}}'
    [_, closed] = read(text)
    assert closed == CallClosed(ToolCall("t", '{"b":1,  "a": "書"}', {"b": 1, "a": "書"}))


def test_call_in_the_other_dialect_is_read_too() -> None:
    assert read('{"arguments": {"tasks": [{"task": "a"}]}, "name": "t"}')[0] == SubtaskClosed(
        0, {"task": "a"}
    )


def test_other_tools_give_no_subtasks() -> None:
    text = tool_call("ask_clarification", {"question": "哪一本？", "options": ["紅色", "藍色"]})
    assert [type(event) for event in read(text)] == [ToolNamed, CallClosed]


def test_tasks_deeper_down_are_no_subtasks() -> None:
    text = tool_call("t", {"inner": {"tasks": [{"task": "a"}]}})
    assert [type(event) for event in read(text)] == [ToolNamed, CallClosed]


def test_tasks_that_are_no_objects_are_no_subtasks() -> None:
    text = tool_call("t", {"tasks": ["a", 1, None]})
    assert [type(event) for event in read(text)] == [ToolNamed, CallClosed]


@pytest.mark.parametrize(
    "text",
    [
        "1. 找到書本。",
        "[1, 2]",
        '{"name": "t"}',
        '{"parameters": {}}',
        '{"name": 5, "parameters": {}}',
        '{"name": "t", "parameters": []}',
        '{"name": "t", "parameters": "{}"}',
        '{"name": "t", "parameters": {"a": "\\x"}}',
        '{"name": "t", "parameters": {"a": "\\ud800"}}',
        '{"name": "t", "parameters": {"a": ' + "9" * 5000 + "}}",
        '{"name": "t", "parameters": {"a": ' + "[" * 5000,
    ],
)
def test_text_that_is_no_call_is_broken_and_gives_no_call(text: str) -> None:
    reader = CallReader()
    assert not any(isinstance(event, CallClosed) for event in reader.feed(text + " "))
    assert reader.broken


@given(text=st.text(max_size=60))
def test_reader_never_raises(text: str) -> None:
    reader = CallReader()
    for character in '{"name": "t", "parameters": ' + text:
        reader.feed(character)
