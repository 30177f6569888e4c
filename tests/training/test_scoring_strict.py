"""Plans that do or describe more than was asked fail, plans that do what it implies pass."""

import pytest

from planner_node.training.scoring.terms import Reason
from tests.training.told import (
    APPLE_EN,
    APPLE_ZH,
    IN_BOWL_EN,
    IN_BOWL_ZH,
    MILK_EN,
    MILK_ZH,
    ON_TABLE_EN,
    ON_TABLE_ZH,
    Row,
    Step,
    judged,
    row,
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
        (
            row("洗盤子和碗", "CLEAN 盤子; CLEAN 碗"),
            ("找到盤子", "打開水龍頭", "清洗盤子", "關閉水龍頭", "找到碗", "清洗碗"),
        ),
        (
            row("Wash the plate and the bowl", "CLEAN plate; CLEAN bowl"),
            (
                *("Find the plate", "Turn on the faucet", "Wash the plate", "Turn off the faucet"),
                *("Find the bowl", "Wash the bowl"),
            ),
        ),
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


CRATES_EN = row(
    "Move the three crates from the dock to the rack", "x3 crates @ rack", init="crates < dock"
)
CRATES_ZH = row("把碼頭的三個箱子搬到貨架", "x3 箱子 @ 貨架", init="箱子 < 碼頭")


def trips(lang: str, *loads: tuple[str, ...]) -> list[str]:
    """Return a way from the dock to the rack and back for each load."""
    words = {
        "en": ("Go to the dock", "Pick up {}", "Go to the rack", "Put {} on the rack", " and "),
        "zh": ("走到碼頭", "拿起{}", "走到貨架", "將{}放在貨架上", "和"),
    }
    there, pick, back, put, joint = words[lang]
    steps: list[str] = []
    for load in loads:
        steps += [there, *(pick.format(one) for one in load), back, put.format(joint.join(load))]
    return steps


@pytest.mark.parametrize(
    ("told", "lang", "each"),
    [
        (CRATES_EN, "en", ("the first crate", "the second crate", "the third crate")),
        (CRATES_ZH, "zh", ("第一個箱子", "第二個箱子", "第三個箱子")),
    ],
    ids=["en", "zh"],
)
def test_what_two_hands_cannot_take_at_once_is_fetched_on_a_second_trip(
    told: Row, lang: str, each: tuple[str, ...]
) -> None:
    assert judged(told, *trips(lang, each[:2], each[2:])).success
    assert judged(told, *trips(lang, each[:2])).reasons == (Reason.QUANTITY,)
    assert not judged(told, *trips(lang, each[:2], each[:2])).success
