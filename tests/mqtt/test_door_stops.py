"""The door's orderly end where the journal does not help."""

import pytest

from planner_node.errors import JournalLost
from planner_node.tasks.record import StoredEvent
from tests.fakes.hall import Hall
from tests.fakes.waiting import until
from tests.mqtt.test_door import ROOT, open_door, robot_at


async def test_stop_says_goodbye_while_the_journal_cannot_be_read(
    any_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unreadable(*_: object) -> list[StoredEvent]:
        raise JournalLost("disk gone")

    hall = Hall()
    async with robot_at(any_port, is_v5=False) as robot:
        async with open_door(any_port, hall) as door:
            monkeypatch.setattr(hall.journal, "pending", unreadable)
        topic = f"{ROOT}/nodes/{door._who.node_id}/status"
        await until(lambda: robot.said(topic) and robot.said(topic)[-1]["state"] == "OFFLINE")
    assert "CONNECTION_BROKEN" not in [status["state"] for status in robot.said(topic)]
