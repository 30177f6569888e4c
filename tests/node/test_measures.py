"""What the rooms' numbers are called on the metrics page."""

from messages.status import TaskState
from messages.task import ControlOp
from planner_node.node.measures import planner_measures
from tests.fakes.hall import Hall


def ended(hall: Hall) -> dict[str, float]:
    return {
        measure.labels["state"]: measure.value
        for measure in planner_measures(hall.planner)
        if measure.name == "planner_tasks"
    }


async def test_tasks_are_counted_by_how_they_ended() -> None:
    hall = Hall(works=False)
    await hall.open()
    try:
        await hall.submit("t1")
        await hall.submit("t2")
        before = ended(hall)
        await hall.say(ControlOp.CANCEL, "t1")
        after = ended(hall)
    finally:
        await hall.close()
    assert set(before.values()) == {0}
    assert TaskState.REJECTED not in before  # it was never accepted
    assert after == {**before, TaskState.CANCELED: 1}
