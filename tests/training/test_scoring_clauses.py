"""What a condition is, and where a thing lies, in any wording."""

from typing import Final

import pytest

from planner_node.training.scoring.terms import Reason
from tests.training.told import (
    MILK_EN,
    MILK_ZH,
    ON_TABLE_EN,
    ON_TABLE_ZH,
    Row,
    Step,
    judged,
    row,
)

IF_ZH: Final = row("如果門沒鎖就關上門", "CLOSE 門; IF")
IF_EN: Final = row("Close the door if it is not locked", "CLOSE door; IF")


@pytest.mark.parametrize(
    ("told", "step"),
    [
        (IF_ZH, "關上門直到鎖好"),
        (IF_ZH, "關上門以確保安全"),
        (IF_EN, "Close the door until it is locked"),
        (IF_EN, "Close the door to make sure it is locked"),
    ],
)
def test_purpose_or_end_is_no_condition(told: Row, step: str) -> None:
    find = "找到門" if told is IF_ZH else "Find the door"
    assert judged(told, find, step).reasons == (Reason.GOAL,)


@pytest.mark.parametrize(
    ("told", "steps"),
    [
        (IF_ZH, ("找到門", "如果門沒鎖，關上門")),
        (IF_ZH, ("找到門", "門開著的話，關上門")),
        (IF_ZH, ("找到門", "檢查門是否上鎖", "關上門")),
        (IF_ZH, ("找到門", ("關上門", "若門沒鎖，將門關上。"))),
        (IF_EN, ("Find the door", "If the door is not locked, close the door")),
        (IF_EN, ("Find the door", "Check whether the door is locked", "Close the door")),
        (IF_EN, ("Find the door", "When the door is not locked, close the door")),
    ],
)
def test_condition_in_any_wording_is_kept(told: Row, steps: tuple[Step, ...]) -> None:
    verdict = judged(told, *steps)
    assert verdict.success, verdict.notes


@pytest.mark.parametrize(
    ("told", "steps", "pick"),
    [
        (MILK_ZH, ON_TABLE_ZH, "拿出冰箱裡的牛奶"),
        (MILK_ZH, ON_TABLE_ZH, "把冰箱裡的牛奶拿起來"),
        (MILK_ZH, ON_TABLE_ZH, "拿起在冰箱裡的牛奶"),
        (MILK_EN, ON_TABLE_EN, "Pick up the milk in the fridge"),
        (MILK_EN, ON_TABLE_EN, "Take the milk that is inside the fridge"),
    ],
)
def test_pick_may_say_where_the_thing_lies(told: Row, steps: tuple[str, ...], pick: str) -> None:
    verdict = judged(told, steps[0], pick, *steps[2:])
    assert verdict.success, verdict.notes


@pytest.mark.parametrize(
    ("told", "steps", "pick"),
    [
        (MILK_ZH, ON_TABLE_ZH, "拿起桌子上的牛奶"),
        (MILK_EN, ON_TABLE_EN, "Pick up the milk on the table"),
    ],
)
def test_pick_from_where_the_thing_does_not_lie_fails(
    told: Row, steps: tuple[str, ...], pick: str
) -> None:
    assert Reason.VIOLATION in judged(told, steps[0], pick, *steps[2:]).reasons
