"""One subtask at a time is read into actions, in both languages."""

from typing import Final

import pytest

from planner_node.training.scoring.frames import Action
from planner_node.training.scoring.notation import read_record
from planner_node.training.scoring.parsing import ParsedStep, parse_step
from planner_node.training.scoring.terms import Language, Verb

ZH: Final = read_record(
    {
        "id": "zh",
        "say": "刀子 杯子 碗 櫃檯 抽屜 燈 小美",
        "goal": "刀子 @ 櫃檯; 杯子 @ 碗; 碗 -> 小美; ON 燈",
        "init": "刀子 < 抽屜",
    },
    "x",
    Language.ZH,
)
EN: Final = read_record(
    {
        "id": "en",
        "say": "knife cup bowl counter drawer lamp Ann",
        "goal": "knife @ counter; cup @ bowl; bowl -> Ann; ON lamp",
        "init": "knife < drawer",
    },
    "x",
    Language.EN,
)


def read(title: str, description: str = "") -> ParsedStep:
    return parse_step(title, description, EN if title.isascii() else ZH)


@pytest.mark.parametrize(
    ("title", "action"),
    [
        ("找到刀子", Action(Verb.FIND, ("刀子",))),
        ("定位刀子的位置。", Action(Verb.FIND, ("刀子",))),
        ("將刀子提起來", Action(Verb.PICK, ("刀子",))),
        ("使用機械手臂夾取杯子", Action(Verb.PICK, ("杯子",))),
        ("從抽屜中取出刀子", Action(Verb.PICK, ("刀子",), source="抽屜")),
        ("走到櫃檯旁邊", Action(Verb.GO, destination="櫃檯")),
        ("到櫃檯", Action(Verb.GO, destination="櫃檯")),
        ("輕輕地將刀子和杯子放在櫃檯上", Action(Verb.PLACE, ("刀子", "杯子"), "櫃檯")),
        ("把杯子放入碗中", Action(Verb.PLACE, ("杯子",), "碗")),
        ("將杯子移動到櫃檯", Action(Verb.MOVE, ("杯子",), "櫃檯")),
        ("將碗交給小美", Action(Verb.GIVE, ("碗",), "小美")),
        ("交給小美碗", Action(Verb.GIVE, ("碗",), "小美")),
        ("送碗給小美", Action(Verb.MOVE, ("碗",), "小美")),
        ("把燈打開", Action(Verb.OPEN, ("燈",))),
        ("將它放下", Action(Verb.PLACE, pronoun=True)),
        ("確認燈是否關閉", Action(Verb.CHECK, ("燈",))),
        ("如果燈開著，關掉燈", Action(Verb.OFF, ("燈",))),
        ("Find the knife", Action(Verb.FIND, ("knife",))),
        ("Take the knife from the drawer", Action(Verb.PICK, ("knife",), source="drawer")),
        ("From the drawer, take the knife", Action(Verb.PICK, ("knife",), source="drawer")),
        ("Move to the counter", Action(Verb.GO, destination="counter")),
        ("Put the knife and cup on the counter", Action(Verb.PLACE, ("knife", "cup"), "counter")),
        ("Bring the cup to the counter", Action(Verb.CARRY, ("cup",), "counter")),
        ("Hand Ann the bowl", Action(Verb.GIVE, ("bowl",), "Ann")),
        ("Load the cup into the bowl", Action(Verb.PLACE, ("cup",), "bowl")),
        ("Fill the cup with cold water", Action(Verb.FILL, ("cup",))),
        ('Tell Ann "please open the lamp"', Action(Verb.REPORT, ("Ann",))),
        ("Load the cup", Action(Verb.PICK, ("cup",))),
        ("Unload the knife from the drawer", Action(Verb.PICK, ("knife",), source="drawer")),
        ("拿起第一把刀子", Action(Verb.PICK, ("刀子",))),
        ("Turn the lamp off", Action(Verb.OFF, ("lamp",))),
        ("Turn on the lamp", Action(Verb.ON, ("lamp",))),
        ("If the lamp is off, turn it on", Action(Verb.ON, pronoun=True)),
        ("Check whether the lamp is on", Action(Verb.CHECK, ("lamp",))),
        ("Grasp the cups with the gripper", Action(Verb.PICK, ("cup",))),
    ],
)
def test_step_is_read_as_one_action(title: str, action: Action) -> None:
    step = read(title)
    assert (step.actions, step.unknown) == ((action,), ())


@pytest.mark.parametrize(
    ("title", "verbs"),
    [
        ("找到並拿起杯子", [Verb.FIND, Verb.PICK]),
        ("走到抽屜並從抽屜取出刀子", [Verb.GO, Verb.PICK]),
        ("帶著杯子前往櫃檯", [Verb.CARRY, Verb.GO]),
        ("Find and pick up the cup", [Verb.FIND, Verb.PICK]),
        ("Go to the drawer, then open the drawer", [Verb.GO, Verb.OPEN]),
    ],
)
def test_coordinated_verbs_are_read_in_order(title: str, verbs: list[Verb]) -> None:
    assert [action.verb for action in read(title).actions] == verbs


def test_coordinated_verbs_share_their_object() -> None:
    assert [action.objects for action in read("找到並拿起杯子").actions] == [("杯子",), ("杯子",)]


@pytest.mark.parametrize(
    ("title", "stranger"),
    [
        ("拿起蘋果", "蘋果"),
        ("拿起杯子和花瓶", "花瓶"),
        ("走到陽台", "陽台"),
        ("將杯子放在鋼琴上", "鋼琴"),
        ("Pick up the banana", "banana"),
        ("Pick up the cup and the banana", "banana"),
        ("Go to the balcony", "balcony"),
        ("Go to the dock", "dock"),
    ],
)
def test_name_that_the_instruction_lacks_is_unknown(title: str, stranger: str) -> None:
    assert read(title).unknown == (stranger,)


@pytest.mark.parametrize("title", ["很高興為您服務", "Everything is wonderful"])
def test_step_without_a_verb_has_no_action(title: str) -> None:
    assert read(title).actions == ()


def test_description_fills_an_empty_title() -> None:
    assert read("走過去", "走到櫃檯旁。").actions == (Action(Verb.GO, destination="櫃檯"),)


def test_description_does_not_overrule_a_complete_title() -> None:
    assert read("拿起杯子", "拿起刀子。").actions == (Action(Verb.PICK, ("杯子",)),)


def test_longer_name_is_not_read_as_the_shorter_one() -> None:
    row = {"id": "a", "say": "杯子 杯子架", "goal": "杯子 @ 杯子架"}
    record = read_record(row, "x", Language.ZH)
    step = parse_step("走到杯子架", "", record)
    assert step.actions == (Action(Verb.GO, destination="杯子架"),)


def test_verb_inside_a_name_stays_a_name() -> None:
    row = {"id": "a", "say": "開罐器娃娃 到貨櫃", "goal": "開罐器娃娃 @ 到貨櫃"}
    record = read_record(row, "x", Language.ZH)
    step = parse_step("將開罐器娃娃放在到貨櫃上", "", record)
    assert step.actions == (Action(Verb.PLACE, ("開罐器娃娃",), "到貨櫃"),)
