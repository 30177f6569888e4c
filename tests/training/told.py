"""Instructions with the steps that do them, told shortly, for the tests of the scorer."""

from typing import Final

from planner_node.training.scoring.answers import plan
from planner_node.training.scoring.judging import Verdict, judge
from planner_node.training.scoring.notation import read_record
from planner_node.training.scoring.terms import Language

Row = dict[str, str]
Step = str | tuple[str, str]


def row(say: str, goal: str, **more: str) -> Row:
    return {"id": "r", "say": say, "goal": goal, **more}


def judged(told: Row, *steps: Step) -> Verdict:
    language = Language.EN if told["say"].isascii() else Language.ZH
    return judge(read_record(told, "x", language), plan(*steps))


APPLE_ZH: Final = row("把蘋果放到碗裡", "蘋果 @ 碗")
APPLE_EN: Final = row("Put the apple in the bowl", "apple @ bowl")
IN_BOWL_ZH: Final = ("找到蘋果", "拿起蘋果", "走到碗", "將蘋果放在碗裡")
IN_BOWL_EN: Final = ("Find the apple", "Pick up the apple", "Go to the bowl", "Put it in the bowl")
MILK_ZH: Final = row("把冰箱裡的牛奶拿到桌子上", "牛奶 @ 桌子", init="牛奶 < 冰箱")
MILK_EN: Final = row(
    "Take the milk from the fridge to the table", "milk @ table", init="milk < fridge"
)
ON_TABLE_ZH: Final = ("走到冰箱", "拿起牛奶", "走到桌子", "將牛奶放在桌子上")
ON_TABLE_EN: Final = (
    "Go to the fridge",
    "Pick up the milk",
    "Go to the table",
    "Put the milk on the table",
)
