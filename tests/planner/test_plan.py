"""A task's good way: submitted, planned subtask by subtask, told whole."""

from tests.fakes.hall import Hall


async def test_a_task_goes_from_queued_to_planned(hall: Hall) -> None:
    await hall.submit("t1")
    await hall.until("t1", "PLANNED")
    assert hall.states("t1") == ["QUEUED", "PLANNING", "PLANNED"]
