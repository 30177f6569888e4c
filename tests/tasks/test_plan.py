"""A plan is looked at subtask by subtask, before anybody hears of one."""

import re

import pytest

from messages.plan import Subtask
from messages.task import TaskConstraints
from planner_node.errors import PlanInvalid
from planner_node.tasks.plan import PlanDraft, subtask_id

STEP = {"task": "找到書本", "description": "走到書架前找書"}


def constrained(**limits: object) -> PlanDraft:
    return PlanDraft(TaskConstraints.model_validate(limits))


def test_add_numbers_the_subtasks_and_chains_them() -> None:
    draft = PlanDraft()
    for step in ("find", "grasp", "carry"):
        draft.add({"task": step, "description": step})
    assert [(one.subtask_id, one.seq, one.depends_on) for one in draft.subtasks] == [
        ("s0", 0, []),
        ("s1", 1, ["s0"]),
        ("s2", 2, ["s1"]),
    ]


def test_add_keeps_the_tools_own_two_fields() -> None:
    subtask = PlanDraft().add(STEP)
    assert (subtask.task, subtask.description) == ("找到書本", "走到書架前找書")


def test_add_takes_skill_and_arguments() -> None:
    subtask = PlanDraft().add({"task": "go", "skill": "navigate", "arguments": {"to": "desk"}})
    assert subtask == Subtask(
        subtask_id="s0", seq=0, task="go", skill="navigate", arguments={"to": "desk"}
    )


def test_ids_of_a_later_revision_differ_from_the_first() -> None:
    assert subtask_id(0, 2) == "s2"
    assert subtask_id(1, 2) == "r1-s2"


@pytest.mark.parametrize("item", [{}, {"task": "  "}, {"task": None}, {"description": "only"}])
def test_add_without_text_is_refused(item: dict[str, str]) -> None:
    with pytest.raises(PlanInvalid):
        PlanDraft().add(item)


def test_add_above_the_limit_is_refused() -> None:
    draft = constrained(max_subtasks=1)
    draft.add(STEP)
    with pytest.raises(PlanInvalid) as refusal:
        draft.add({"task": "two"})
    assert refusal.value.references["max_subtasks"] == 1


@pytest.mark.parametrize(
    ("forbidden", "text"),
    [
        ("knife", "Take the Knife"),
        ("刀子", "拿起刀子"),
        ("stove", "turn on both stoves"),
        ("ＳＴＯＶＥ", "use stove"),
        ("stove", "用stove煮水"),
        ("go upstairs", "then go upstairs slowly"),
    ],
)
def test_add_of_something_forbidden_is_refused(forbidden: str, text: str) -> None:
    draft = constrained(forbidden=[forbidden])
    with pytest.raises(PlanInvalid) as refusal:
        draft.add({"task": "step", "description": text})
    assert refusal.value.references["forbidden"] == forbidden


def test_add_is_not_confused_by_a_word_inside_a_word() -> None:
    draft = constrained(forbidden=["cat"])
    assert draft.add({"task": "go to the location"}).seq == 0


def test_a_word_that_does_not_occur_costs_no_regular_expression(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[str] = []
    monkeypatch.setattr(re, "compile", made.append)
    draft = constrained(forbidden=[f"{number} {'word' * 60}" for number in range(32)])
    draft.add(STEP)
    assert made == []


def test_add_of_an_allowed_skill_is_taken() -> None:
    assert constrained(allowed_skills=["grasp"]).add({"task": "x", "skill": "grasp"}).seq == 0


@pytest.mark.parametrize("item", [{"task": "x"}, {"task": "x", "skill": "fly"}])
def test_add_of_another_skill_is_refused(item: dict[str, str]) -> None:
    with pytest.raises(PlanInvalid):
        constrained(allowed_skills=["grasp"]).add(item)


def test_add_of_the_same_step_twice_is_taken_and_three_times_refused() -> None:
    draft = PlanDraft()
    draft.add(STEP)
    draft.add(STEP)
    with pytest.raises(PlanInvalid):
        draft.add(STEP)


def test_a_refused_subtask_leaves_no_trace() -> None:
    draft = constrained(forbidden=["knife"])
    with pytest.raises(PlanInvalid):
        draft.add({"task": "take the knife"})
    assert draft.add({"task": "take the cup"}).subtask_id == "s0"
