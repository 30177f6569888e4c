"""A broker that forgot everything has each task's last status again, and never an older one."""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from planner_node.broker.embedded import EmbeddedBroker
from planner_node.journal.store import Journal
from planner_node.mqtt.outbound import Outbound
from planner_node.mqtt.packets import Delivery
from planner_node.mqtt.restating import Restating
from planner_node.tasks.record import Event, EventKind
from tests.fakes.brokerless import HandSession, HandSessions
from tests.fakes.clock import START, ManualClock
from tests.fakes.desk import RecordingPlanner
from tests.fakes.hall import Hall
from tests.fakes.journal import open_journal
from tests.fakes.mosquitto import OPEN_CONF, Mosquitto, free_port, running
from tests.fakes.record import a_record
from tests.fakes.waiting import until, until_it_is
from tests.mqtt.test_door import ROOT, Robot, open_door, robot_at

KEPT = "allow_anonymous true\npersistence true\npersistence_location ./\n"


async def a_story(hall: Hall) -> dict[str, bytes]:
    """Have one task planned and one wait; return each one's last status by its topic."""
    await hall.submit("ended")
    await hall.until("ended", "PLANNED")
    await hall.planner.drain(1)
    await hall.submit("waits")
    last = {f"{ROOT}/tasks/{one}/status": hall.log(one)[-1].event for one in ("ended", "waits")}
    assert {event.kind for event in last.values()} == {EventKind.STATUS}
    return {topic: event.payload for topic, event in last.items()}


def of_tasks(robot: Robot) -> list[Delivery]:
    return [one for one in robot.heard if f"{ROOT}/nodes/" not in one.topic]


async def until_said_again(robot: Robot, hall: Hall, last: dict[str, bytes]) -> None:
    """Wait until a robot has heard the last statuses, each once, and nothing else of a task."""
    await until(lambda: len(of_tasks(robot)) == len(last))
    await until_it_is(hall.journal.outbox_depth, 0)
    assert {one.topic: one.payload for one in of_tasks(robot)} == last
    assert len(of_tasks(robot)) == len(last)


@pytest.mark.parametrize("kind", ["embedded", "mosquitto"])
async def test_a_node_that_starts_at_a_broker_without_memory_tells_late_joiners(
    kind: str, tmp_path: Path
) -> None:
    port, hall = free_port(), Hall()

    @asynccontextmanager
    async def a_new_broker() -> AsyncIterator[None]:
        if kind == "embedded":
            async with EmbeddedBroker(port):
                yield
        else:
            with running(tmp_path, port=port):
                yield

    async with a_new_broker(), open_door(port, hall):
        last = await a_story(hall)
        await until_it_is(hall.journal.outbox_depth, 0)
    again = Hall(journal=hall.journal, works=False)
    async with a_new_broker(), robot_at(port, is_v5=False) as robot, open_door(port, again):
        await until_said_again(robot, again, last)
        async with robot_at(port, is_v5=False) as joiner:
            await until(lambda: {one.topic: one.payload for one in of_tasks(joiner)} == last)


@pytest.mark.broker
@pytest.mark.parametrize("keeps", [False, True])
async def test_a_broker_that_starts_anew_is_told_where_it_has_forgotten(
    tmp_path: Path, *, keeps: bool
) -> None:
    broker = Mosquitto(tmp_path, KEPT if keeps else OPEN_CONF)
    broker.start()
    hall = Hall()
    try:
        async with open_door(broker.port, hall, reconnect_min_s=1, reconnect_max_s=1) as door:
            last = await a_story(hall)
            await until_it_is(hall.journal.outbox_depth, 0)
            published = door.counters.published
            broker.stop()
            await until(lambda: not door.readiness.is_ok)
            broker.start()
            await until(lambda: door.readiness.is_ok)
            async with robot_at(broker.port) as joiner:
                await until(lambda: {one.topic: one.payload for one in of_tasks(joiner)} == last)
            again = 0 if keeps else len(last)
            assert door.counters.published == published + again
    finally:
        broker.stop()


async def test_a_first_start_says_nothing(any_port: int) -> None:
    hall = Hall()
    async with robot_at(any_port, is_v5=False) as robot, open_door(any_port, hall) as door:
        await hall.submit("t1", robot_id="first")
        await until(lambda: "PLANNED" in robot.states("t1", "first"))
        await until_it_is(hall.journal.outbox_depth, 0)
        assert door.counters.published == len(hall.log("t1"))


class Way:
    """The way out and the restating over one journal, with the broker in a test's hands."""

    def __init__(self, journal: Journal) -> None:
        self.sessions = HandSessions()
        self.was_forgotten = asyncio.Event()
        clock = ManualClock()
        self.out = Outbound(self.sessions, journal, RecordingPlanner(), clock, ROOT)
        self.restating = Restating(self.was_forgotten, journal, clock)


@asynccontextmanager
async def working(journal: Journal) -> AsyncIterator[Way]:
    way = Way(journal)
    async with asyncio.TaskGroup() as group:
        works = [group.create_task(way.out.run()), group.create_task(way.restating.run())]
        yield way
        for work in works:
            work.cancel()


async def test_no_late_joiner_hears_an_older_status_after_a_newer_one(tmp_path: Path) -> None:
    """Tasks change all the time while a broker forgets everything again and again."""
    names, versions, forgets = [f"t{number}" for number in range(20)], 30, 10
    on_disk = Journal(f"sqlite:///{tmp_path}/planner.db", outbox=True, commit_wait_ms=1)
    async with open_journal(on_disk) as journal, working(journal) as way:
        sessions = [await way.sessions.open(HandSession())]

        async def change(name: str) -> None:
            for version in range(1, versions + 1):
                payload = json.dumps({"version": version}).encode()
                record = a_record(name, status_version=version, received=START)
                await journal.commit(record, [Event(EventKind.STATUS, payload, name, "r1")])

        async def forget() -> None:
            for number in range(forgets):
                before = way.out.published
                await until(lambda before=before: way.out.published > before + len(names))
                sessions[-1].end()
                sessions.append(await way.sessions.open(HandSession(number + 2)))
                way.was_forgotten.set()

        await asyncio.gather(forget(), *map(change, names))
        await until(lambda: len(told(sessions[-1])) == len(names))
        await until_it_is(journal.outbox_depth, 0)
    for session in sessions:
        assert all(heard == sorted(heard) for heard in told(session).values())
    assert {heard[-1] for heard in told(sessions[-1]).values()} == {versions}


def told(session: HandSession) -> dict[str, list[int]]:
    """Return the versions that were sent to each task's own topic, in their order."""
    found = defaultdict(list)
    for one in session.sent:
        if one.retain:
            found[one.topic].append(json.loads(one.payload)["version"])
    return found


async def test_a_journal_that_is_lost_for_a_while_is_asked_again(tmp_path: Path) -> None:
    hall = Hall(works=False)
    await hall.submit("t1")
    await hall.journal.published([1])
    hall.journal.refuses = "disk full"
    async with working(hall.journal) as way:  # type: ignore[arg-type]  # one in memory does as well
        session = await way.sessions.open(HandSession())
        way.was_forgotten.set()
        await until(lambda: not way.was_forgotten.is_set())
        hall.journal.refuses = ""
        await session.until_sent(1)
        assert [one.topic for one in session.sent] == [f"{ROOT}/tasks/t1/status"]
