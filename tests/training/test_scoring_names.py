"""A name inside another name, and a number inside another number, is not that one."""

import pytest

from planner_node.training.scoring.terms import Reason
from tests.training.told import (
    Row,
    judged,
    row,
)


@pytest.mark.parametrize(
    ("told", "right", "wrong"),
    [
        (row("去3號倉", "GO 3號倉"), "走到3號倉", "走到13號倉"),
        (row("去三號倉庫", "GO 三號倉庫"), "走到三號倉庫", "走到十三號倉庫"),
        (row("去2 號碼頭", "GO 2 號碼頭"), "走到2號碼頭", "走到12 號碼頭"),
        (row("去一號鍋爐", "GO 一號鍋爐"), "走到一號鍋爐", "走到二十一號鍋爐"),
        (row("去倉庫", "GO 倉庫"), "走到倉庫", "走到三號倉庫"),
        (row("去倉庫", "GO 倉庫"), "走到倉庫", "走到倉庫3"),
        (row("去找簡淚", "VISIT 簡淚"), "走到簡淚", "走到簡簡淚"),
        (row("去櫃子", "GO 櫃子"), "走到櫃子旁", "走到鞋櫃子"),
        (row("去櫃子", "GO 櫃子"), "走到櫃子", "走到櫃子架"),
        (row("找杯子", "VISIT 杯子"), "找到杯子", "找到馬杯子"),
        (row("去燈那邊", "GO 燈"), "走到燈那邊", "走到檯燈"),
        (row("Go to 305", "GO 305"), "Go to 305", "Go to 1305"),
        (row("Go to station 5", "GO station 5"), "Go to station 5", "Go to station 5 B"),
        (row("Go to the station", "GO station"), "Go to the station", "Go to station 5"),
        (row("Go to dock 2", "GO dock 2"), "Go to dock 2", "Go to B dock 2"),
    ],
)
def test_name_inside_another_name_is_not_that_name(told: Row, right: str, wrong: str) -> None:
    assert judged(told, right).success, judged(told, right).notes
    verdict = judged(told, wrong)
    assert Reason.COVERAGE in verdict.reasons
    assert (verdict.copied, verdict.names) == (0, 1)


@pytest.mark.parametrize(
    ("told", "steps"),
    [
        (row("去那個大櫃子", "GO 櫃子"), ("走到大櫃子",)),
        (row("Go to the B dock", "GO dock"), ("Go to the B dock",)),
        (row("去冰箱", "GO 冰箱"), ("走到冰箱門口",)),
        (row("打開冰箱", "OPEN 冰箱"), ("走到冰箱", "打開冰箱門")),
        (row("巡兩次大門", "VISIT 大門"), ("巡邏大門2次",)),
        (row("Visit Lee", "VISIT Lee"), ("Go to Mr Lee",)),
    ],
)
def test_word_at_a_name_that_makes_no_other_name_passes(told: Row, steps: tuple[str, ...]) -> None:
    verdict = judged(told, *steps)
    assert verdict.success, verdict.notes


@pytest.mark.parametrize(
    ("say", "name", "goal", "amount"),
    [
        ("拿兩個杯子到桌上", "杯子", "x2 杯子 @ 桌", "兩個"),
        ("拿八個杯子到桌上", "杯子", "x8 杯子 @ 桌", "八個"),
        ("拿12個杯子到桌上", "杯子", "x12 杯子 @ 桌", "十二個"),
        ("拿二十三個杯子到桌上", "杯子", "x23 杯子 @ 桌", "23個"),
    ],
)
def test_any_number_is_read_in_chinese(say: str, name: str, goal: str, amount: str) -> None:
    steps = [f"找到{amount}{name}", f"拿起{amount}{name}", "走到桌", f"將{amount}{name}放在桌上"]
    assert judged(row(say, goal), *steps).success
    for wrong in ("12個", "十二個", "四十二個", "一百個"):
        if goal.startswith(("x2 ", "x8 ")) or wrong[:-1] not in {"12", "十二"}:
            more = [step.replace(amount, wrong) for step in steps]
            assert Reason.QUANTITY in judged(row(say, goal), *more).reasons
            assert Reason.QUANTITY in judged(row(say, goal), steps[0], *more[1:]).reasons


@pytest.mark.parametrize(
    ("goal", "amount"),
    [("x2", "two"), ("x8", "eight"), ("x8", "8"), ("x12", "twelve"), ("x23", "twenty-three")],
)
def test_any_number_is_read_in_english(goal: str, amount: str) -> None:
    told = row(f"Put {amount} cups on the desk", f"{goal} cups @ desk")
    steps = [
        f"Find {amount} cups",
        f"Pick up {amount} cups",
        "Go to the desk",
        f"Put {amount} cups on the desk",
    ]
    assert judged(told, *steps).success
    for wrong in ("42", "forty-two", "forty two"):
        more = [step.replace(amount, wrong) for step in steps]
        assert Reason.QUANTITY in judged(told, *more).reasons
        assert Reason.QUANTITY in judged(told, steps[0], *more[1:]).reasons
