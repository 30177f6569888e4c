"""What is asked in vain is told, and nothing else is."""

import pytest

from messages.task import OnFailure, TaskCommand
from planner_node.tasks.record import Origin
from tests.fakes.hall import Hall


async def test_submit_passes_warnings_on(idle: Hall) -> None:
    command = TaskCommand(instruction="go", task_id="t1", on_failure=OnFailure.ASK, max_replans=0)
    await idle.planner.submit(command, Origin("r1", warnings=("some field is ignored",)))
    assert idle.said("t1")[0]["warnings"] == [
        "some field is ignored",
        "on_failure has no effect in mode PLAN_ONLY · on_failure 在 PLAN_ONLY 模式下不起作用",
        "max_replans has no effect in mode PLAN_ONLY · max_replans 在 PLAN_ONLY 模式下不起作用",
    ]


@pytest.mark.parametrize("tool", ["ask_clarification", "decline_task"])
async def test_a_tool_that_the_model_chooses_by_itself_is_warned_of(idle: Hall, tool: str) -> None:
    await idle.submit("t1", tool=tool)
    (warning,) = idle.said("t1")[0]["warnings"]
    assert f"tool {tool} has no effect" in warning
    assert f"指定工具 {tool} 沒有作用" in warning


@pytest.mark.parametrize("tool", [None, "decompose_task"])
async def test_the_tool_of_a_plan_brings_no_warning(idle: Hall, tool: str | None) -> None:
    await idle.submit("t1", tool=tool)
    assert idle.said("t1")[0]["warnings"] == []


async def test_what_is_asked_by_default_brings_no_warning(idle: Hall) -> None:
    await idle.submit("t1", on_failure=OnFailure.FAIL, max_replans=3)
    assert idle.said("t1")[0]["warnings"] == []
