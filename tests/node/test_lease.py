"""A node says that it lives, and judges others only after it has lived steadily itself."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest

from planner_node.clock import SystemClock
from planner_node.errors import JournalLost, LeaseLost
from planner_node.node.lease import Lease
from planner_node.settings import JournalSettings
from planner_node.tasks.record import TaskRecord
from tests.fakes.clock import ManualClock
from tests.fakes.record import a_record
from tests.fakes.waiting import until

SETTINGS = JournalSettings(lease_s=20, heartbeat_s=5)


class Shared:
    """A database with two pieces of what a dead node has left."""

    def __init__(self) -> None:
        self.left = [["task-1"], ["task-2"]]
        self.failures: list[Exception] = []
        self.is_in_time = True
        self.renewed = 0

    async def renew(self) -> bool:
        if self.failures:
            raise self.failures.pop(0)
        self.renewed += 1
        return self.is_in_time

    async def take_over(self) -> list[str] | None:
        return self.left.pop(0) if self.left else None

    async def unfinished(self, among: Sequence[str]) -> list[TaskRecord]:
        return [a_record(task_id) for task_id in among]


class Hands:
    """Takes up tasks, unless the journal fails; while it is not ``free``, for ever."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.failures: list[Exception] = []
        self.free = asyncio.Event()
        self.free.set()

    async def take_up(
        self,
        task_ids: Sequence[str],
        still_ours: Callable[[Sequence[str]], Awaitable[list[TaskRecord]]],
    ) -> None:
        await self.free.wait()
        if self.failures:
            raise self.failures.pop(0)
        self.taken += [record.task_id for record in await still_ours(task_ids)]


@pytest.fixture
def shared() -> Shared:
    return Shared()


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def lease(shared: Shared, hands: Hands, clock: ManualClock) -> Lease:
    return Lease(shared, hands, SETTINGS, clock)


async def beats(lease: Lease, clock: ManualClock, *pauses_s: float) -> None:
    for pause_s in pauses_s:
        clock.advance(pause_s)
        await lease.beat()
        await lease.inherit()


async def test_a_node_that_has_just_started_takes_nothing_over(
    lease: Lease, clock: ManualClock, hands: Hands
) -> None:
    await beats(lease, clock, 0, 5, 5, 5)
    assert hands.taken == []


async def test_a_steady_node_takes_over_after_the_time_of_one_lease(
    lease: Lease, clock: ManualClock, hands: Hands
) -> None:
    await beats(lease, clock, 0, 5, 5, 5, 5)
    assert hands.taken == ["task-1", "task-2"]


async def test_after_a_silence_all_nodes_get_the_time_to_say_that_they_live(
    lease: Lease, clock: ManualClock, hands: Hands
) -> None:
    await beats(lease, clock, 10, 60, 5, 5, 5)
    assert hands.taken == []
    await beats(lease, clock, 5)
    assert hands.taken == ["task-1", "task-2"]


async def test_a_node_that_the_database_heard_too_late_judges_nobody_though_its_clock_stood_still(
    lease: Lease, clock: ManualClock, shared: Shared, hands: Hands
) -> None:
    await beats(lease, clock, 0, 5, 5, 5)
    shared.is_in_time = False
    await beats(lease, clock, 5)
    shared.is_in_time = True
    await beats(lease, clock, 5, 5, 5)
    assert hands.taken == []
    await beats(lease, clock, 5)
    assert hands.taken == ["task-1", "task-2"]


async def test_what_could_not_be_taken_up_is_taken_up_with_the_next_beat(
    lease: Lease, clock: ManualClock, hands: Hands
) -> None:
    hands.failures.append(JournalLost("away"))
    with pytest.raises(JournalLost):
        await beats(lease, clock, 15, 15)
    await beats(lease, clock, 5)
    assert hands.taken == ["task-1", "task-2"]


async def test_the_beats_go_on_however_long_the_inheritance_takes(
    shared: Shared, hands: Hands
) -> None:
    settings = JournalSettings.model_construct(lease_s=0.3, heartbeat_s=0.02)
    lease = Lease(shared, hands, settings, SystemClock())
    hands.free.clear()
    async with asyncio.TaskGroup() as group:
        works = [group.create_task(one) for one in (lease.run(), lease.look_after_the_dead())]
        await until(lambda: len(shared.left) == 1)  # the first piece is being taken up
        before = shared.renewed
        await until(lambda: shared.renewed >= before + 5)
        assert hands.taken == []
        hands.free.set()
        await until(lambda: hands.taken == ["task-1", "task-2"])
        for work in works:
            work.cancel()


async def test_a_node_that_slept_in_the_middle_of_an_inheritance_asks_for_no_more_of_it(
    lease: Lease, clock: ManualClock, shared: Shared, hands: Hands
) -> None:
    clock.advance(20)
    await lease.beat()
    hands.free.clear()
    inheriting = asyncio.create_task(lease.inherit())
    await until(lambda: len(shared.left) == 1)
    clock.advance(21)
    hands.free.set()
    await inheriting
    assert hands.taken == ["task-1"]


async def test_a_lost_lease_ends_the_node(lease: Lease, shared: Shared) -> None:
    shared.failures.append(LeaseLost("too late"))
    with pytest.raises(LeaseLost):
        await lease.run()
