"""A node says that it lives, and judges others only after it has lived steadily itself."""

from collections.abc import Iterable

import pytest

from planner_node.errors import JournalLost, LeaseLost
from planner_node.node.lease import Lease
from planner_node.settings import JournalSettings
from planner_node.tasks.record import TaskRecord
from tests.fakes.clock import ManualClock
from tests.fakes.record import a_record

SETTINGS = JournalSettings(lease_s=20, heartbeat_s=5)


class Shared:
    """A database with one dead node's task in it."""

    def __init__(self) -> None:
        self.left = [a_record()]
        self.failures: list[Exception] = []
        self.is_in_time = True

    async def renew(self) -> bool:
        if self.failures:
            raise self.failures.pop(0)
        return self.is_in_time

    async def take_over(self) -> list[TaskRecord]:
        taken, self.left = self.left, []
        return taken


class Hands:
    """Takes up tasks, unless the journal fails."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.failures: list[Exception] = []

    async def take_up(self, records: Iterable[TaskRecord]) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.taken += [record.task_id for record in records]


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


async def test_a_node_that_has_just_started_takes_nothing_over(
    lease: Lease, clock: ManualClock, hands: Hands
) -> None:
    await beats(lease, clock, 0, 5, 5, 5)
    assert hands.taken == []


async def test_a_steady_node_takes_over_after_the_time_of_one_lease(
    lease: Lease, clock: ManualClock, hands: Hands
) -> None:
    await beats(lease, clock, 0, 5, 5, 5, 5)
    assert hands.taken == ["task-1"]


async def test_after_a_silence_all_nodes_get_the_time_to_say_that_they_live(
    lease: Lease, clock: ManualClock, hands: Hands
) -> None:
    await beats(lease, clock, 10, 60, 5, 5, 5)
    assert hands.taken == []
    await beats(lease, clock, 5)
    assert hands.taken == ["task-1"]


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
    assert hands.taken == ["task-1"]


async def test_what_could_not_be_taken_up_is_taken_up_with_the_next_beat(
    lease: Lease, clock: ManualClock, hands: Hands
) -> None:
    hands.failures.append(JournalLost("away"))
    with pytest.raises(JournalLost):
        await beats(lease, clock, 15, 15)
    await beats(lease, clock, 5)
    assert hands.taken == ["task-1"]


async def test_a_lost_lease_ends_the_node(lease: Lease, shared: Shared) -> None:
    shared.failures.append(LeaseLost("too late"))
    with pytest.raises(LeaseLost):
        await lease.run()
