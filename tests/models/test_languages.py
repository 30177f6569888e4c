"""The embedded model plans in the language that a command asks for, however its tag is spelt."""

import pytest

from planner_node.completion.local import LocalCompleter
from planner_node.grammar.script import simplified_only
from planner_node.tasks.record import EventKind
from tests.fakes.hall import Hall

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="package")]

CHINESE = ["將書本放在側桌上。", "用毛巾擦窗戶。"]
ENGLISH = ["Put the cup on the table.", "Bring the red book to the kitchen."]


async def titles(completer: LocalCompleter, language: str, instruction: str) -> str:
    """Plan a task and return what its subtasks are called, one after the other."""
    hall = Hall(completer)
    await hall.open()
    try:
        await hall.submit("t1", instruction=instruction, language=language)
        await hall.until("t1", "PLANNED")
    finally:
        await hall.close()
    (plan,) = hall.said("t1", EventKind.PLAN)
    assert plan["language"] == language
    assert hall.said("t1", EventKind.STATUS)[-1]["warnings"] == []
    return "".join(one["task"] for one in plan["tasks"])


@pytest.mark.parametrize("instruction", ENGLISH)
@pytest.mark.parametrize(
    "language", ["zh-TW", "ZH-TW", "zh-Hant-TW", "zh-hant-tw", "zh-Hant-HK", "zh-HK"]
)
async def test_every_traditional_tag_brings_a_traditional_plan(
    completer: LocalCompleter, language: str, instruction: str
) -> None:
    planned = await titles(completer, language, instruction)
    assert planned.startswith("找到")
    assert simplified_only().isdisjoint(planned)


@pytest.mark.parametrize("language", ["zh-CN", "ZH-hans"])
async def test_every_simplified_tag_brings_a_simplified_plan(
    completer: LocalCompleter, language: str
) -> None:
    planned = await titles(completer, language, ENGLISH[0])
    assert planned.startswith("找到")
    assert "将" in planned


@pytest.mark.parametrize("instruction", CHINESE)
@pytest.mark.parametrize("language", ["en", "EN", "EN-us", "en-GB"])
async def test_every_english_tag_brings_an_english_plan(
    completer: LocalCompleter, language: str, instruction: str
) -> None:
    assert (await titles(completer, language, instruction)).startswith("Find the ")
