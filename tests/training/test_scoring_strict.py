"""Plans that look right and are not, and right plans that look odd: in both languages."""

from typing import Final

import pytest

from planner_node.training.scoring.answers import plan
from planner_node.training.scoring.judging import Verdict, judge
from planner_node.training.scoring.notation import read_record
from planner_node.training.scoring.terms import Language, Reason

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


@pytest.mark.parametrize(
    ("told", "steps", "at", "extra"),
    [
        (APPLE_ZH, IN_BOWL_ZH, 2, "切開蘋果"),
        (APPLE_EN, IN_BOWL_EN, 2, "Slice the apple"),
        (MILK_ZH, ON_TABLE_ZH, 1, "關掉冰箱電源"),
        (MILK_EN, ON_TABLE_EN, 1, "Turn off the fridge"),
        (MILK_ZH, ON_TABLE_ZH, 4, "加熱桌子"),
        (MILK_EN, ON_TABLE_EN, 4, "Heat the table"),
        (APPLE_ZH, IN_BOWL_ZH, 4, "開始充電"),
        (APPLE_EN, IN_BOWL_EN, 4, "Charge the battery"),
    ],
)
def test_deed_that_nobody_asked_for_fails(
    told: Row, steps: tuple[str, ...], at: int, extra: str
) -> None:
    assert judged(told, *steps).success
    assert judged(told, *steps[:at], extra, *steps[at:]).reasons == (Reason.UNREQUESTED,)


@pytest.mark.parametrize(
    ("told", "steps", "extra"),
    [
        (APPLE_ZH, IN_BOWL_ZH, "檢查核子反應爐"),
        (APPLE_EN, IN_BOWL_EN, "Check the nuclear reactor"),
        (APPLE_ZH, IN_BOWL_ZH, "通知總統"),
        (APPLE_EN, IN_BOWL_EN, "Report the president"),
    ],
)
def test_stranger_that_is_only_looked_at_or_told_is_unknown(
    told: Row, steps: tuple[str, ...], extra: str
) -> None:
    assert judged(told, *steps, extra).reasons == (Reason.UNKNOWN,)


@pytest.mark.parametrize(
    ("told", "steps"),
    [
        (MILK_ZH, ("走到冰箱", "打開冰箱", "拿起牛奶", "關上冰箱", *ON_TABLE_ZH[2:])),
        (
            MILK_EN,
            (
                "Go to the fridge",
                "Open the fridge",
                "Pick up the milk",
                "Close the fridge",
                *ON_TABLE_EN[2:],
            ),
        ),
        (
            row("把湯加熱，檢查鍋爐", "HEAT 湯; CHECK 鍋爐"),
            (
                *("找到湯", "拿起湯", "走到微波爐", "打開微波爐", "將湯放入微波爐", "啟動微波爐"),
                "檢查鍋爐",
            ),
        ),
        (
            row("Heat the soup", "HEAT soup"),
            ("Find the soup", "Heat the soup in the microwave"),
        ),
        (
            row("用洗衣機洗毛巾，洗好拿到床邊", "CLEAN 毛巾; 毛巾 @ 床", known="洗衣機"),
            (
                *("找到毛巾", "拿起毛巾", "走到洗衣機", "打開洗衣機", "將毛巾放入洗衣機"),
                *("啟動洗衣機", "清洗毛巾", "從洗衣機拿起毛巾", "走到床", "將毛巾放在床邊"),
            ),
        ),
        (
            row("先打開盒子再把筆放進盒子", "筆 @ 盒子", order="OPEN 盒子 < put 筆"),
            ("找到筆", "拿起筆", "走到盒子", "打開盒子", "將筆放入盒子"),
        ),
        (row("關掉客廳的燈", "OFF 燈", init="燈 < 客廳"), ("走到客廳", "關掉客廳的燈")),
        (
            row("Turn off the lamp in the living room", "OFF lamp", init="lamp < living room"),
            ("Go to the living room", "Turn off the living room lamp"),
        ),
        (row("巡一下大門再回報", "VISIT 大門; REPORT"), ("走到大門", "檢查大門", "回報檢查結果")),
        (
            row("Have a look at the pump and report", "CHECK pump; REPORT"),
            ("Find the pump", "Check the pump", "Report what was there"),
        ),
        (
            row("搭電梯到三樓檢查幫浦", "CHECK 幫浦", need="電梯; 三樓"),
            ("走到電梯", "按電梯按鈕", "前往三樓", "檢查幫浦"),
        ),
        (
            row("Take the elevator and check the pump", "CHECK pump", need="elevator"),
            ("Go to the elevator", "Press the elevator button", "Check the pump"),
        ),
        (row("Go to bay 4", "GO bay 4"), ("Dock at bay 4",)),
        (row("重開路由器", "ON 路由器"), ("走到路由器", "關掉路由器", "打開路由器")),
        (
            row("Restart the router", "ON router"),
            ("Go to the router", "Turn off the router", "Turn on the router"),
        ),
        (APPLE_ZH, (*IN_BOWL_ZH[:3], "將蘋果輕放在碗裡")),
        (row("充滿電", "CHARGE"), ("走到充電站", "開始充電")),
        (row("Recharge", "CHARGE"), ("Go to the charging station", "Charge the battery")),
    ],
)
def test_deed_that_the_instruction_implies_passes(told: Row, steps: tuple[str, ...]) -> None:
    verdict = judged(told, *steps)
    assert verdict.success, verdict.notes


def test_thing_to_be_left_alone_is_not_shifted() -> None:
    told = APPLE_ZH | {"say": "把蘋果放到碗裡，別動花瓶", "avoid": "花瓶"}
    assert Reason.FORBIDDEN in judged(told, "移動花瓶", *IN_BOWL_ZH).reasons


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
    ("told", "steps", "described", "reason"),
    [
        (APPLE_ZH, IN_BOWL_ZH, "將鋼琴提起來", Reason.UNKNOWN),
        (APPLE_EN, IN_BOWL_EN, "Lift the piano.", Reason.UNKNOWN),
        (APPLE_ZH, IN_BOWL_ZH, "將蘋果和花瓶提起來", Reason.UNKNOWN),
        (APPLE_EN, IN_BOWL_EN, "Lift the apple and the vase.", Reason.UNKNOWN),
        (APPLE_ZH, IN_BOWL_ZH, "將蘋果放到鋼琴上", Reason.UNKNOWN),
        (APPLE_EN, IN_BOWL_EN, "Put the apple on the piano.", Reason.UNKNOWN),
        (APPLE_ZH, IN_BOWL_ZH, "將碗提起來", Reason.DESCRIPTION),
        (APPLE_EN, IN_BOWL_EN, "Lift the bowl.", Reason.DESCRIPTION),
        (APPLE_ZH, IN_BOWL_ZH, "將蘋果切開", Reason.DESCRIPTION),
        (APPLE_EN, IN_BOWL_EN, "Slice the apple.", Reason.DESCRIPTION),
    ],
)
def test_description_says_what_the_title_says(
    told: Row, steps: tuple[str, ...], described: str, reason: Reason
) -> None:
    assert judged(told, *steps[:1], (steps[1], described), *steps[2:]).reasons == (reason,)


@pytest.mark.parametrize(
    ("told", "steps"),
    [
        (row("燈 門", "ON 燈", need="門"), ("找到燈", ("打開燈", "打開燈，在門旁邊"))),
        (
            row("lamp door", "ON lamp", need="door"),
            ("Find it", ("Turn on the lamp", "At the door")),
        ),
    ],
)
def test_name_that_only_a_description_has_is_left_out(told: Row, steps: tuple[Step, ...]) -> None:
    assert Reason.COVERAGE in judged(told, *steps).reasons


def test_opposite_description_fails() -> None:
    told = row("開檯燈", "ON 檯燈")
    assert judged(told, "找到檯燈", ("打開檯燈", "將檯燈關掉")).reasons == (Reason.DESCRIPTION,)


@pytest.mark.parametrize(
    ("told", "steps"),
    [
        (MILK_ZH, (("走到冰箱", "接近冰箱，牛奶在裡面"), *ON_TABLE_ZH[1:])),
        (MILK_EN, (("Go to the fridge", "Approach the fridge with the milk."), *ON_TABLE_EN[1:])),
        (MILK_ZH, (*ON_TABLE_ZH[:3], ("放下牛奶", "將牛奶輕輕放在桌子上。"))),
        (MILK_EN, (*ON_TABLE_EN[:3], ("Put down the milk", "Place the milk on the table."))),
        (
            MILK_ZH,
            (
                *ON_TABLE_ZH[:3],
                (ON_TABLE_ZH[3], "平穩地將牛奶放在桌子上，確認放置穩固後鬆開夾爪。"),
            ),
        ),
        (
            MILK_EN,
            (
                *ON_TABLE_EN[:3],
                (
                    ON_TABLE_EN[3],
                    "Lower the milk smoothly onto the table and verify that it stands.",
                ),
            ),
        ),
    ],
)
def test_description_that_tells_more_of_the_same_passes(told: Row, steps: tuple[Step, ...]) -> None:
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
