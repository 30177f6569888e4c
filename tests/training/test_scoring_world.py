"""Preconditions and effects of the symbolic world, one plan at a time."""

from typing import Final

import pytest

from planner_node.training.scoring.answers import plan
from planner_node.training.scoring.judging import Verdict, judge
from planner_node.training.scoring.notation import read_record
from planner_node.training.scoring.terms import Language, Reason

FETCH: Final = {"id": "zh", "say": "把刀子和杯子放到櫃檯", "goal": "刀子 @ 櫃檯; 杯子 @ 櫃檯"}
SEED: Final = ("找到刀子", "拿起刀子", "找到杯子", "拿起杯子", "走到櫃檯", "將刀子和杯子放在櫃檯上")


def judged(row: dict[str, str], *steps: str, language: Language = Language.ZH) -> Verdict:
    return judge(read_record(row, "x", language), plan(*steps))


def one(say: str, goal: str, **more: str) -> dict[str, str]:
    return {"id": "r", "say": say, "goal": goal, **more}


def test_plan_of_the_readme_passes() -> None:
    assert judged(FETCH, *SEED).success


def test_one_trip_a_thing_passes() -> None:
    first = ("找到刀子", "拿起刀子", "走到櫃檯", "將刀子放在櫃檯上")
    second = tuple(step.replace("刀子", "杯子") for step in first)
    assert judged(FETCH, *first, *second).success


@pytest.mark.parametrize(
    ("steps", "reason"),
    [
        (("拿起刀子", *SEED[2:]), Reason.VIOLATION),  # never found
        (("找到刀子", "找到杯子", "拿起刀子", *SEED[3:]), Reason.VIOLATION),  # left before picking
        ((*SEED[:4], SEED[5]), Reason.VIOLATION),  # placed before arriving
        ((*SEED[:5], "將刀子放在櫃檯上"), Reason.HANDS_FULL),
        ((*SEED[:5], "放下刀子", "將杯子放在櫃檯上", "拿起杯子"), Reason.HANDS_FULL),
        ((*SEED, "將刀子放在櫃檯上"), Reason.VIOLATION),  # not held any more
        ((*SEED[:2], SEED[1], *SEED[2:]), Reason.REPEATED),
        ((*SEED, "走到花園"), Reason.UNKNOWN),
        ((*SEED, "祝您愉快"), Reason.UNPARSED),
        (SEED[:2], Reason.COVERAGE),
    ],
)
def test_fault_is_named(steps: tuple[str, ...], reason: Reason) -> None:
    assert reason in judged(FETCH, *steps).reasons


def test_third_thing_needs_a_free_hand() -> None:
    row = one("盤 碗 鍋 桌", "盤 @ 桌; 碗 @ 桌; 鍋 @ 桌")
    picks = [step for name in "盤碗鍋" for step in (f"找到{name}", f"拿起{name}")]
    verdict = judged(row, *picks, "走到桌", "將盤、碗、鍋放在桌上")
    assert "violation: step 6: no free hand" in verdict.notes


def test_contents_travel_with_their_container() -> None:
    row = one("湯匙 碗 托盤", "湯匙 @ 托盤; 碗 @ 托盤")
    steps = ("找到湯匙", "拿起湯匙", "找到碗", "將湯匙放入碗中", "拿起碗", "走到托盤")
    assert judged(row, *steps, "將碗放在托盤上").success


def test_picking_from_a_place_needs_being_there() -> None:
    row = one("從冰箱拿牛奶到餐桌", "牛奶 @ 餐桌", init="牛奶 < 冰箱")
    verdict = judged(row, "走到餐桌", "從冰箱取出牛奶", "將牛奶放在餐桌上")
    assert Reason.VIOLATION in verdict.reasons


def test_oven_heats_what_is_put_there() -> None:
    row = one("把湯加熱", "HEAT 湯")
    steps = ("找到湯", "拿起湯", "走到微波爐", "將湯放入微波爐")
    assert judged(row, *steps).success


def test_lamp_is_switched_on_by_opening_it() -> None:
    assert judged(one("開檯燈", "ON 檯燈"), "找到檯燈", "打開檯燈").success


def test_opened_door_is_not_closed() -> None:
    verdict = judged(one("關窗戶", "CLOSE 窗戶"), "找到窗戶", "打開窗戶")
    assert Reason.GOAL in verdict.reasons


def test_state_needs_reach() -> None:
    assert Reason.VIOLATION in judged(one("關窗戶", "CLOSE 窗戶"), "關上窗戶").reasons


def test_room_lets_the_robot_reach_what_is_in_it() -> None:
    row = one("關客廳的窗戶", "CLOSE 窗戶", init="窗戶 < 客廳")
    assert judged(row, "走到客廳", "關上窗戶").success


def test_carrying_to_a_person_hands_over_at_the_end() -> None:
    row = one("Give the book to Ann", "book -> Ann")
    steps = ("Find the book", "Pick up the book", "Bring the book to Ann")
    assert judged(row, *steps, language=Language.EN).success


def test_carrying_to_a_place_is_not_putting_down() -> None:
    row = one("book shelf", "book @ shelf")
    steps = ("Find the book", "Pick up the book", "Carry the book to the shelf")
    verdict = judged(row, *steps, language=Language.EN)
    assert Reason.HANDS_FULL in verdict.reasons


def test_order_is_asked_for() -> None:
    row = one("先到大門再到頂樓", "VISIT 大門; VISIT 頂樓", order="visit 大門 < visit 頂樓")
    assert judged(row, "走到頂樓", "走到大門").reasons == (Reason.ORDER,)


def test_guided_person_arrives_and_stays() -> None:
    row = one("帶訪客到會議室再回大廳", "GUIDE 訪客 @ 會議室; GO 大廳")
    assert judged(row, "找到訪客", "帶領訪客到會議室", "回到大廳").success


def test_person_who_was_asked_to_follow_is_guided() -> None:
    row = one("帶訪客到會議室", "GUIDE 訪客 @ 會議室")
    assert judged(row, "找到訪客", "請訪客跟隨機器人", "走到會議室").success


def test_forbidden_thing_must_not_be_touched() -> None:
    row = one("收碗，別動杯子", "碗 @ 水槽", avoid="杯子")
    row |= {"say": "把碗收到水槽，別動杯子"}
    steps = (
        "找到碗",
        "拿起碗",
        "找到杯子",
        "拿起杯子",
        "走到水槽",
        "將碗放在水槽",
        "將杯子放在水槽",
    )
    assert Reason.FORBIDDEN in judged(row, *steps).reasons


def test_quantity_must_be_said_or_done() -> None:
    row = one("拿兩個杯子到桌上", "x2 杯子 @ 桌")
    steps = ("找到杯子", "拿起杯子", "走到桌", "將杯子放在桌上")
    assert judged(row, *steps).reasons == (Reason.QUANTITY,)


def test_quantity_said_once_is_enough() -> None:
    row = one("拿兩個杯子到桌上", "x2 杯子 @ 桌")
    steps = ("找到兩個杯子", "拿起兩個杯子", "走到桌", "將兩個杯子放在桌上")
    assert judged(row, *steps).success


def test_condition_must_be_looked_at_or_kept() -> None:
    row = one("如果門開著就關上", "CLOSE 門; IF")
    assert judged(row, "找到門", "關上門").reasons == (Reason.GOAL,)


def test_condition_kept_in_a_step_is_enough() -> None:
    row = one("如果門開著就關上", "CLOSE 門; IF")
    assert judged(row, "找到門", "若門開著，關上門").success


def test_everything_in_one_step_is_no_plan() -> None:
    row = one("巡邏大門和頂樓", "VISIT 大門; VISIT 頂樓")
    assert judged(row, "巡邏大門和頂樓").reasons == (Reason.UNDIVIDED,)
