"""The hall over the real journal: a file on a disk, group commits, a restart in the middle."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pytest

from messages.status import TaskStatus
from messages.task import ControlOp, TaskCommand, TaskControl
from planner_node.errors import TaskElsewhere
from planner_node.journal.store import Journal
from planner_node.planner.planner import Planner
from planner_node.tasks.lifecycle import TERMINAL
from planner_node.tasks.record import EventKind, Origin
from tests.fakes.hall import Hall
from tests.fakes.journal import open_journal

TASKS = [(f"t{number}", f"robot-{number % 20}") for number in range(100)]


@asynccontextmanager
async def at_work(file: Path, *, outbox: bool = True) -> AsyncIterator[tuple[Planner, Journal]]:
    """A planner at work on a file, stopped without a drain as a killed node is."""
    url = f"sqlite:///{file}"
    async with open_journal(Journal(url, outbox=outbox, commit_wait_ms=1)) as journal:
        hall = Hall(journal=journal)  # type: ignore[arg-type]  # a journal on disk does as well
        await hall.open()
        try:
            yield hall.planner, journal
        finally:
            await hall.close()


async def submit_all(planner: Planner) -> None:
    await asyncio.gather(
        *(
            planner.submit(TaskCommand(instruction="go", task_id=task_id), Origin(robot))
            for task_id, robot in TASKS
        )
    )


async def ended(planner: Planner, task_id: str) -> list[str]:
    """Wait for the task's end; return the states that were told."""
    async with aclosing(planner.watch(task_id)) as events:
        told = [one.event async for one in events if one.event.kind is EventKind.STATUS]
    return [TaskStatus.model_validate_json(event.payload).status for event in told]


@pytest.mark.slow
async def test_a_crowd_is_planned_on_disk(tmp_path: Path) -> None:
    async with at_work(tmp_path / "planner.db") as (planner, _):
        await submit_all(planner)
        lives = await asyncio.gather(*(ended(planner, task_id) for task_id, _ in TASKS))
    assert Counter(map(tuple, lives)) == {("QUEUED", "PLANNING", "PLANNED"): len(TASKS)}


@pytest.mark.slow
async def test_a_crowd_survives_a_stop_in_the_middle(tmp_path: Path) -> None:
    file = tmp_path / "planner.db"
    async with at_work(file) as (planner, _):
        await submit_all(planner)
        await ended(planner, TASKS[0][0])
    async with at_work(file) as (planner, _):
        lives = await asyncio.gather(*(ended(planner, task_id) for task_id, _ in TASKS))
    assert all(sum(state in TERMINAL for state in life) == 1 for life in lives)
    assert {life[-1] for life in lives} == {"PLANNED"}


@pytest.mark.slow
async def test_a_plan_is_the_same_after_a_restart_byte_for_byte(tmp_path: Path) -> None:
    file = tmp_path / "planner.db"
    command = TaskCommand(instruction="go", task_id="t1")
    async with at_work(file) as (planner, journal):
        await planner.submit(command, Origin("robot-1"))
        await ended(planner, "t1")
        before = await journal.events("t1")
    async with at_work(file) as (planner, journal):
        assert not (await planner.submit(command, Origin("robot-1"))).is_new
        copies = [one for one in await journal.pending(0, 1_000) if one.replay_of is not None]
    originals = {one.event_id: one.event.payload for one in before}
    assert {originals[one.replay_of or 0] for one in copies} == {
        one.event.payload for one in copies
    }
    assert [one.event.kind for one in copies].count(EventKind.PLAN) == 1


async def test_what_came_over_mqtt_waits_for_a_node_with_a_broker(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file, command = tmp_path / "planner.db", TaskCommand(instruction="go", task_id="t1")
    async with open_journal(Journal(f"sqlite:///{file}", outbox=True, commit_wait_ms=1)) as journal:
        hall = Hall(journal=journal, works=False)  # type: ignore[arg-type]  # as above
        await hall.planner.submit(command, Origin("robot-1"))
    async with at_work(file, outbox=False) as (planner, _):
        assert "1 unfinished tasks wait for a node with a broker" in caplog.text
        assert planner.load.queue_depth == planner.load.running == 0
        with pytest.raises(TaskElsewhere, match="planner-node serve"):
            await planner.control(TaskControl(op=ControlOp.CANCEL, task_id="t1"), Origin())
    async with at_work(file) as (planner, journal):
        assert await ended(planner, "t1") == ["QUEUED", "PLANNING", "PLANNED"]
        assert len(await journal.pending(0, 100)) > 3


async def test_what_a_node_without_a_broker_accepted_goes_on_there(tmp_path: Path) -> None:
    file, command = tmp_path / "planner.db", TaskCommand(instruction="go", task_id="t1")
    async with open_journal(
        Journal(f"sqlite:///{file}", outbox=False, commit_wait_ms=1)
    ) as journal:
        hall = Hall(journal=journal, works=False)  # type: ignore[arg-type]  # as above
        await hall.planner.submit(command, Origin("robot-1"))
    async with at_work(file, outbox=False) as (planner, _):
        assert await ended(planner, "t1") == ["QUEUED", "PLANNING", "PLANNED"]
