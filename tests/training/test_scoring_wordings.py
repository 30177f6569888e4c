"""Right plans pass in other words than the rule-written ones: three styles a language."""

from collections.abc import Mapping
from typing import Final

import pytest

from planner_node.training.scoring.judging import judge
from planner_node.training.scoring.reference import rule_written
from planner_node.training.scoring.terms import AnswerKind, Language
from planner_node.training.scoring.testset import load_test_set

CHINESE: Final[list[Mapping[str, str]]] = [
    {
        "FIND": "定位{0}的位置",
        "GO": "前往{0}",
        "PICK": "將{n}{0}提起來",
        "PLACE": "把{n}{0}放到{1}上",
        "GIVE": "把{n}{0}遞給{1}",
        "OPEN": "將{0}打開",
        "CLOSE": "把{0}關上",
        "ON": "打開{0}",
        "OFF": "將{0}關閉",
        "CLEAN": "把{0}清理乾淨",
        "SLICE": "用刀子切{0}",
        "HEAT": "將{0}加熱",
        "COOL": "讓{0}降溫",
        "FILL": "把{0}裝滿水",
        "CHECK": "查看{0}的狀況",
        "REPORT": "向使用者回報狀況",
        "WAIT": "等待一段時間",
        "CHARGE": "連接充電座進行充電",
        "FOLLOW": "跟著{0}",
        "GUIDE": "引導{0}到{1}",
        "IF": "檢查{0}",
    },
    {
        "FIND": "尋找{0}",
        "GO": "移動到{0}旁邊",
        "PICK": "抓取{n}{0}",
        "PLACE": "將{n}{0}放入{1}",
        "GIVE": "遞交{n}{0}給{1}",
        "OPEN": "開啟{0}",
        "CLOSE": "關閉{0}",
        "ON": "開啟{0}",
        "OFF": "關閉{0}",
        "CLEAN": "擦拭{0}",
        "SLICE": "切{0}",
        "HEAT": "用微波爐加熱{0}",
        "COOL": "將{0}冰鎮",
        "FILL": "在{0}中裝水",
        "CHECK": "仔細檢視{0}",
        "REPORT": "回報檢查結果",
        "WAIT": "稍候",
        "CHARGE": "進行充電",
        "FOLLOW": "跟在{0}後面",
        "GUIDE": "陪同{0}走到{1}",
        "IF": "看看{0}的狀態",
    },
    {
        "FIND": "在現場搜尋{0}並確認其位置",
        "GO": "靠近{0}",
        "PICK": "用夾爪夾起{n}{0}",
        "PLACE": "輕輕將{n}{0}擺放在{1}旁邊",
        "GIVE": "交給{1}{n}{0}",
        "CLEAN": "清洗{0}",
        "SLICE": "把{0}切成片",
        "HEAT": "把{0}熱一熱",
        "COOL": "冷藏{0}",
        "FILL": "將{0}注滿",
        "CHECK": "確認{0}是否正常",
        "GUIDE": "護送{0}至{1}",
        "IF": "如果{0}符合條件，繼續下一步",
    },
]
ENGLISH: Final[list[Mapping[str, str]]] = [
    {
        "FIND": "Locate the {0}",
        "GO": "Navigate to the {0}",
        "PICK": "Grasp {n}{0}",
        "PLACE": "Place {n}{0} into the {1}",
        "GIVE": "Hand {n}{0} to {1}",
        "OPEN": "Open up the {0}",
        "CLOSE": "Shut the {0}",
        "ON": "Switch the {0} on",
        "OFF": "Switch off the {0}",
        "CLEAN": "Wash the {0}",
        "SLICE": "Cut the {0}",
        "HEAT": "Warm up the {0}",
        "COOL": "Chill the {0}",
        "FILL": "Fill the {0} with water",
        "CHECK": "Inspect the {0}",
        "REPORT": "Report back to the user",
        "WAIT": "Wait for a while",
        "CHARGE": "Recharge the battery",
        "FOLLOW": "Walk behind {0}",
        "GUIDE": "Lead {0} to the {1}",
        "IF": "Check if the {0} meets the condition",
    },
    {
        "FIND": "Search for the {0}",
        "GO": "Move to the {0}",
        "PICK": "Take {n}{0} with the gripper",
        "PLACE": "Set {n}{0} down next to the {1}",
        "GIVE": "Pass {n}{0} over to {1}",
        "ON": "Turn the {0} on",
        "OFF": "Turn the {0} off",
        "CLEAN": "Wipe the {0} carefully",
        "SLICE": "Chop up the {0}",
        "HEAT": "Use the microwave to heat the {0}",
        "COOL": "Cool down the {0}",
        "FILL": "Refill the {0}",
        "CHECK": "Look at the {0}",
        "REPORT": "Tell the user the result",
        "WAIT": "Pause",
        "CHARGE": "Start charging",
        "GUIDE": "Escort {0} to the {1}",
        "IF": "Verify the status of the {0}",
    },
    {
        "FIND": "Look for the {0} and identify its position",
        "GO": "Approach the {0}",
        "PICK": "Lift {n}{0} up",
        "PLACE": "Gently lay {n}{0} in the {1}",
        "GIVE": "Deliver {n}{0} to {1}",
        "CLEAN": "Scrub the {0}",
        "SLICE": "Slice up the {0}",
        "HEAT": "Reheat the {0}",
        "COOL": "Refrigerate the {0}",
        "CHECK": "Examine the {0}",
        "GUIDE": "Guide {0} over to the {1}",
        "IF": "If the {0} meets the condition, continue",
    },
]

STYLES: Final = [(Language.ZH, words) for words in CHINESE] + [
    (Language.EN, words) for words in ENGLISH
]


@pytest.mark.slow
@pytest.mark.parametrize(("language", "words"), STYLES)
def test_right_plan_in_other_words_passes(language: Language, words: Mapping[str, str]) -> None:
    records = [r for r in load_test_set() if r.kind is AnswerKind.PLAN]
    verdicts = [judge(r, rule_written(r, words)) for r in records if r.language is language]
    failed = {v.record.record_id: v.notes for v in verdicts if not v.success}
    assert not failed
