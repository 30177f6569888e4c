"""Subtasks on their way to the disk: in order, one commit at a time, and never before the other."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import pytest

from messages.plan import Subtask
from planner_node.errors import TaskMoved
from planner_node.planner.telling import Telling
from tests.fakes.waiting import until


@dataclass
class HandDisk:
    """Each commit waits for ``write`` or ``refuse``."""

    begun: list[list[int]] = field(default_factory=list)
    given_up: int = 0
    _writing: list[asyncio.Future[None]] = field(default_factory=list)

    async def commit(self, subtasks: Sequence[Subtask]) -> None:
        self.begun.append([subtask.seq for subtask in subtasks])
        self._writing.append(asyncio.get_running_loop().create_future())
        await self._writing[-1]

    def give_up(self) -> None:
        self.given_up += 1

    def write(self) -> None:
        self._writing.pop(0).set_result(None)

    def refuse(self, error: Exception) -> None:
        self._writing.pop(0).set_exception(error)


def subtask(seq: int) -> Subtask:
    return Subtask(subtask_id=f"s{seq}", seq=seq, task=f"step {seq}")


@pytest.fixture
def disk() -> HandDisk:
    return HandDisk()


@pytest.fixture
def telling(disk: HandDisk) -> Telling:
    return Telling(disk.commit, disk.give_up)


async def test_what_closes_during_a_commit_goes_in_the_next(
    disk: HandDisk, telling: Telling
) -> None:
    telling.tell(subtask(0))
    await until(lambda: disk.begun == [[0]])
    telling.tell(subtask(1))
    telling.tell(subtask(2))
    disk.write()
    await until(lambda: disk.begun == [[0], [1, 2]])
    disk.write()
    await telling.settled()


async def test_settled_waits_for_the_last_commit(disk: HandDisk, telling: Telling) -> None:
    telling.tell(subtask(0))
    settling = asyncio.create_task(telling.settled())
    await until(lambda: disk.begun)
    assert not settling.done()
    disk.write()
    await settling


async def test_what_is_withdrawn_is_not_told(disk: HandDisk, telling: Telling) -> None:
    telling.tell(subtask(0))
    await until(lambda: disk.begun)
    telling.tell(subtask(1))
    assert [one.seq for one in telling.withdraw()] == [1]
    disk.write()
    await telling.settled()
    assert disk.begun == [[0]]


async def test_it_begins_again_after_a_pause(disk: HandDisk, telling: Telling) -> None:
    for seq in range(3):
        telling.tell(subtask(seq))
        await until(lambda seq=seq: len(disk.begun) == seq + 1)
        disk.write()
        await telling.settled()
    assert disk.begun == [[0], [1], [2]]


async def test_after_a_commit_that_could_not_be_nothing_is_told(
    disk: HandDisk, telling: Telling
) -> None:
    telling.tell(subtask(0))
    await until(lambda: disk.begun)
    telling.tell(subtask(1))
    disk.refuse(TaskMoved(task_id="t1"))
    for _ in range(2):  # whoever asks, and each time
        with pytest.raises(TaskMoved):
            await telling.settled()
    telling.tell(subtask(2))
    assert (disk.begun, disk.given_up) == ([[0]], 1)


async def test_closed_it_leaves_nothing_running(disk: HandDisk, telling: Telling) -> None:
    telling.tell(subtask(0))
    await until(lambda: disk.begun)
    telling.close()
    with suppress(asyncio.CancelledError):
        await telling.settled()
    assert [one for one in asyncio.all_tasks() if one.get_name() == "planner.telling"] == []
