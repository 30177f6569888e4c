"""A task that leaves the history just as somebody asks for it: never silence."""

import asyncio
import sqlite3
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from messages.task import TaskCommand
from planner_node.errors import RateLimited, TaskNotFound
from planner_node.journal.errand import Written
from planner_node.journal.store import Journal
from planner_node.settings import QueueSettings
from planner_node.tasks.record import EventKind, Origin
from tests.fakes.hall import Hall, HallMaker
from tests.fakes.journal import MemoryJournal
from tests.fakes.waiting import until
from tests.planner.test_on_disk import at_work, ended


class ForgetfulJournal(MemoryJournal):
    """Forgets a task between the look at it and what is to be said of it again."""

    forgets = False

    async def replay(self, task_id, kinds, reply):  # type: ignore[no-untyped-def]  # noqa: ANN001,ANN201
        if self.forgets and task_id in self.records:
            self._forget(task_id)
        return await super().replay(task_id, kinds, reply)


@pytest.fixture
async def hall(open_hall: HallMaker) -> Hall:
    """A hall that has planned t1 and is about to forget it."""
    journal = ForgetfulJournal()
    queue = QueueSettings(robot_tasks_per_minute=2, robot_burst=2)
    hall = await open_hall(Hall(journal=journal, queue=queue))
    await hall.submit("t1")
    await hall.until("t1", "PLANNED")
    journal.forgets = True
    return hall


async def test_a_repeated_command_is_a_new_one(hall: Hall) -> None:
    assert (await hall.submit("t1")).is_new
    await hall.until("t1", "PLANNED")
    assert hall.states("t1") == ["QUEUED", "PLANNING", "PLANNED"]


async def test_get_finds_nothing(hall: Hall) -> None:
    with pytest.raises(TaskNotFound):
        await hall.say("GET", "t1")


async def test_a_repeated_command_that_a_new_one_could_not_be_is_refused(hall: Hall) -> None:
    await hall.submit("t2")
    with pytest.raises(RateLimited):
        await hall.submit("t1")


async def hold_up(journal: Journal) -> threading.Event:
    """Let everything that comes wait for one commit, until the result is set."""
    is_held, gate = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def work(_: sqlite3.Connection) -> Written[None]:
        loop.call_soon_threadsafe(is_held.set)
        gate.wait(10)
        return Written(None)

    holding = asyncio.create_task(journal._writing.do(work))
    await is_held.wait()
    holding.add_done_callback(lambda done: done.result())
    return gate


async def test_a_command_in_one_commit_with_the_end_of_its_history_is_a_new_one(
    tmp_path: Path,
) -> None:
    command, robot = TaskCommand(instruction="go", task_id="t1"), Origin("robot-1")
    async with at_work(tmp_path / "planner.db") as (planner, journal):
        await planner.submit(command, robot)
        await ended(planner, "t1")
        await journal.published([one.event_id for one in await journal.pending(0, 99)])
        gate = await hold_up(journal)
        soon = datetime.now(UTC) + timedelta(hours=1)
        forgetting = asyncio.create_task(journal.purge(soon, 100))
        await until(lambda: journal._writing._errands.qsize() == 1)
        again = asyncio.create_task(planner.submit(command, robot))
        await until(lambda: journal._writing._errands.qsize() == 2)
        gate.set()
        assert [one.task_id for one in await forgetting] == ["t1"]
        assert (await again).is_new
        assert await ended(planner, "t1") == ["QUEUED", "PLANNING", "PLANNED"]
        waiting = [one.event.kind for one in await journal.pending(0, 99)]
        assert EventKind.PLAN in waiting
