"""The language of a plan: what is asked of the model, what is told to the robot."""

from typing import Any

import pytest

from planner_node.settings import PlannerSettings
from planner_node.tasks.record import EventKind
from tests.fakes.completion import Script, ScriptedCompleter, tool_call
from tests.fakes.hall import Hall, HallMaker

SIMPLIFIED = "将书本放在侧桌上。"


async def planned(hall: Hall, **fields: object) -> tuple[dict[str, Any], list[str]]:
    """Plan a task; return its list of subtasks, and the warnings of its last status."""
    await hall.submit("t1", **fields)
    await hall.until("t1", "PLANNED")
    warnings = hall.said("t1", EventKind.STATUS)[-1]["warnings"]
    return hall.said("t1", EventKind.PLAN)[0], warnings


def asked(hall: Hall) -> tuple[str, str | None]:
    """Return the first words that the model was told, and the language that it was held to."""
    assert isinstance(hall.completer, ScriptedCompleter)
    request = hall.completer.requests[0]
    return request.messages[1].content.split("\n")[0], request.language


async def test_a_plan_in_a_language_that_is_not_spoken_says_which_it_is_in(hall: Hall) -> None:
    plan, warnings = await planned(hall, language="ja")
    assert plan["language"] == "zh-TW"
    assert asked(hall)[1] == "zh-TW"
    assert len(warnings) == 1
    assert "ja is not among the languages of this node: the plan is in zh-TW" in warnings[0]


@pytest.mark.parametrize("language", [None, "zh-TW", "zh-HK", "zh", "en", "en-x-custom"])
async def test_a_language_that_is_spoken_brings_no_warning(
    hall: Hall, language: str | None
) -> None:
    plan, warnings = await planned(hall, language=language)
    assert plan["language"] == {None: "zh-TW", "zh": "zh-TW"}.get(language, language)
    assert warnings == []


async def test_simplified_words_reach_the_model_in_traditional_where_that_is_wanted(
    hall: Hall,
) -> None:
    plan, warnings = await planned(hall, instruction=SIMPLIFIED, language="zh-TW")
    assert asked(hall) == ("將書本放在側桌上。", "zh-TW")
    assert (plan["language"], plan["tasks"][0]["task"]) == ("zh-TW", "找到書本")
    assert hall.journal.records["t1"].command.instruction == SIMPLIFIED
    assert len(warnings) == 1
    assert "Simplified characters" in warnings[0]


@pytest.mark.parametrize("language", [None, "zh-CN", "zh-Hans"])
async def test_a_simplified_plan_is_told_in_simplified(hall: Hall, language: str | None) -> None:
    plan, warnings = await planned(hall, instruction=SIMPLIFIED, language=language)
    assert asked(hall) == ("將書本放在側桌上。", "zh-TW")
    assert plan["language"] == (language or "zh-CN")
    assert [one["task"] for one in plan["tasks"]] == [
        "找到书本", "拿起书本", "走到侧桌", "将书本放在侧桌上",
    ]  # fmt: skip
    streamed = [one["subtask"] for one in hall.said("t1", EventKind.SUBTASK) if one["subtask"]]
    assert streamed == plan["tasks"]
    assert warnings == []


async def test_a_word_that_is_forbidden_in_simplified_is_found_in_a_traditional_plan(
    hall: Hall,
) -> None:
    await hall.submit("t1", language="zh-TW", constraints={"forbidden": ["侧桌"]})
    await hall.until("t1", "FAILED")
    found = hall.said("t1", EventKind.STATUS)[-1]["problem"]
    assert found["code"] == "PLAN_INVALID"


async def test_a_question_is_asked_in_the_script_of_the_plan(open_hall: HallMaker) -> None:
    asking = tool_call("ask_clarification", {"question": "哪一個櫃檯？", "options": ["紅的"]})
    hall = await open_hall(Hall(ScriptedCompleter(default=Script(asking))))
    await hall.submit("t1", instruction=SIMPLIFIED)
    await hall.until("t1", "INPUT_REQUIRED")
    question = hall.said("t1", EventKind.STATUS)[-1]["question"]
    assert (question["text"], question["options"]) == ("哪一个柜台？", ["红的"])


async def test_the_languages_of_the_settings_are_spoken(open_hall: HallMaker) -> None:
    hall = await open_hall(Hall(settings=PlannerSettings(languages=["zh-TW", "ja"])))
    plan, warnings = await planned(hall, language="ja")
    assert (plan["language"], asked(hall)[1], warnings) == ("ja", "ja", [])
