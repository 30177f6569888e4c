"""What the model plans before anybody asks."""

import asyncio
import logging
from collections.abc import AsyncGenerator

import pytest

from planner_node.completion.request import CompletionEvent, CompletionRequest
from planner_node.errors import OutOfMemory
from planner_node.planner.rehearsal import INSTRUCTIONS, rehearse
from planner_node.settings import PlannerSettings, QueueSettings
from tests.fakes.completion import Script, ScriptedCompleter
from tests.fakes.hall import Hall

ALL = [said for instructions in INSTRUCTIONS.values() for said in instructions]


class Counted(ScriptedCompleter):
    """Notes how many requests were under way at once."""

    most = 0

    async def stream(self, request: CompletionRequest) -> AsyncGenerator[CompletionEvent, None]:
        async for event in super().stream(request):
            self.most = max(self.most, len(self.running))
            yield event


def spoken(completer: ScriptedCompleter) -> list[str]:
    return [request.messages[-1].content for request in completer.requests]


async def test_everything_is_planned_as_a_task_would_be() -> None:
    completer = ScriptedCompleter()
    hall = Hall(completer=completer)
    assert await rehearse(completer, hall.parts, limit_s=60) == len(ALL)
    assert sorted(spoken(completer)) == sorted(ALL)
    assert {request.language for request in completer.requests} == {"zh-TW", "en"}
    offered = {tuple(tool.name for tool in request.tools) for request in completer.requests}
    assert offered == {tuple(hall.settings.answers)}
    assert hall.journal.records == {}


async def test_a_language_that_the_node_does_not_speak_is_left_out() -> None:
    completer = ScriptedCompleter()
    hall = Hall(completer=completer, settings=PlannerSettings(languages=["en"]))
    await rehearse(completer, hall.parts, limit_s=60)
    assert sorted(spoken(completer)) == sorted(INSTRUCTIONS["en"])


async def test_no_more_is_planned_at_once_than_tasks_would_be() -> None:
    completer = Counted()
    hall = Hall(completer=completer, queue=QueueSettings(running=3))
    assert await rehearse(completer, hall.parts, limit_s=60) == len(ALL)
    assert completer.most == 3


async def test_what_takes_too_long_is_given_up() -> None:
    completer = ScriptedCompleter({ALL[0]: Script(hold_after=20)})
    hall = Hall(completer=completer)
    async with asyncio.timeout(10):
        assert await rehearse(completer, hall.parts, limit_s=0.2) < len(ALL)
    assert completer.running == set()


async def test_what_goes_wrong_is_told_and_no_more(caplog: pytest.LogCaptureFixture) -> None:
    completer = ScriptedCompleter({ALL[0]: Script(error=OutOfMemory("no room for it"))})
    hall = Hall(completer=completer)
    with caplog.at_level(logging.WARNING):
        assert await rehearse(completer, hall.parts, limit_s=60) == len(ALL) - 1
    assert [record.getMessage() for record in caplog.records] == ["! not rehearsed: no room for it"]
