"""The door's orderly end where the journal does not help."""

import pytest

from planner_node.errors import JournalLost
from planner_node.tasks.record import StoredEvent
from tests.fakes.hall import Hall
from tests.fakes.mosquitto import Mosquitto
from tests.fakes.waiting import until
from tests.fakes.wire import DISCONNECT, Script, accepted_v5, receive_maximum, scripted
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


async def test_stop_that_cannot_say_offline_leaves_it_to_the_last_will() -> None:
    """A DISCONNECT would make the broker forget the will, and READY stand there for ever."""
    silent = Script(connack=accepted_v5(receive_maximum(1)), puback_code=None)
    async with scripted(silent), open_door(silent.port, Hall()):
        await until(lambda: silent.published)  # the birth, which takes all of the window
    assert b"OFFLINE" not in b"".join(silent.published)
    assert DISCONNECT not in silent.packets


async def test_stop_that_said_offline_says_goodbye_though_nobody_answers() -> None:
    silent = Script(puback_code=None)
    async with scripted(silent):
        async with open_door(silent.port, Hall()):
            await until(lambda: silent.published)
        await until(lambda: DISCONNECT in silent.packets)
    assert b"OFFLINE" in silent.published[-1]


@pytest.mark.broker
async def test_stop_leaves_no_status_that_was_to_be_cleared(shared_mosquitto: Mosquitto) -> None:
    port = shared_mosquitto.port
    topics = {f"gone-{number}": f"{ROOT}/tasks/gone-{number}/status" for number in range(300)}
    async with robot_at(port) as robot:
        for topic in topics.values():
            await robot.send(topic, b"{}", retain=True)
        async with open_door(port, Hall()) as door:
            door.clear(topics)
    async with robot_at(port) as joiner:
        await joiner.send("the/end", b"")
        await until(lambda: any(one.topic == "the/end" for one in joiner.heard))
        assert {one.topic for one in joiner.heard}.isdisjoint(topics.values())
