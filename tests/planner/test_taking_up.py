"""What a dead node has left goes on at its heir, where words about it may be quicker."""

from collections.abc import Awaitable, Callable

import pytest

from messages.status import TaskState
from planner_node.errors import JournalLost
from planner_node.journal.postgres.store import PostgresJournal
from planner_node.node.lease import Lease
from planner_node.settings import JournalSettings
from tests.fakes.clock import ManualClock
from tests.fakes.completion import ASKING, SEED_PLAN, Script, ScriptedCompleter, plan_call
from tests.fakes.hall import Hall, HallMaker
from tests.fakes.postgresql import ask, let_the_lease_run_out
from tests.fakes.waiting import until, until_it_is
from tests.planner.conftest import Pair

ONE_SUBTASK_CHARS = len(plan_call(*SEED_PLAN[:1]))
OpenHeir = Callable[..., Awaitable[Hall]]


@pytest.fixture
def open_heir(open_hall: HallMaker, pair: Pair) -> OpenHeir:
    """Build the hall of the second node, which plans nothing until ``go_to_work``."""

    async def opened(completer: ScriptedCompleter | None = None) -> Hall:
        return await open_hall(
            Hall(completer or ScriptedCompleter(), journal=pair.two, works=False)
        )

    return opened


async def inherited(journal: PostgresJournal) -> list[str]:
    """Take over all that the dead have left; return the tasks' ids."""
    task_ids: list[str] = []
    while (piece := await journal.take_over()) is not None:
        task_ids += piece
    return task_ids


async def left_waiting(open_hall: HallMaker, pair: Pair) -> None:
    """``t1`` waits at the first node, which is dead."""
    hall = await open_hall(Hall(journal=pair.one, works=False))
    await hall.submit("t1")
    let_the_lease_run_out(pair.url, "one")


async def left_asking(open_hall: HallMaker, pair: Pair) -> None:
    """``t1`` has asked at the first node, which is dead."""
    hall = await open_hall(Hall(ScriptedCompleter(default=Script(ASKING)), journal=pair.one))
    await hall.submit("t1")
    await until_it_is(pair.state, TaskState.INPUT_REQUIRED)
    await hall.close()
    let_the_lease_run_out(pair.url, "one")


async def test_the_heir_goes_on_with_the_next_attempt(
    open_hall: HallMaker, open_heir: OpenHeir, pair: Pair
) -> None:
    script = Script(hold_after=ONE_SUBTASK_CHARS)
    one = await open_hall(Hall(ScriptedCompleter(default=script), journal=pair.one))
    heir = await open_heir()
    await one.submit("t1")
    await script.held.wait()
    await one.close()
    await pair.one.close()
    await heir.planner.take_up(await inherited(pair.two), pair.two.unfinished)
    heir.go_to_work()
    await until_it_is(pair.state, TaskState.PLANNED)
    record = await pair.two.task("t1")
    assert record is not None
    assert record.attempt == 2


async def test_what_the_heir_has_canceled_meanwhile_stays_canceled(
    open_hall: HallMaker, open_heir: OpenHeir, pair: Pair
) -> None:
    await left_waiting(open_hall, pair)
    completer = ScriptedCompleter()
    heir = await open_heir(completer)
    task_ids = await inherited(pair.two)
    await heir.say("CANCEL", "t1")
    await heir.planner.take_up(task_ids, pair.two.unfinished)
    assert heir.planner.load.queue_depth == 0
    assert await pair.states() == ["QUEUED", "CANCELED"]
    assert completer.requests == []


async def test_what_the_heir_has_answered_meanwhile_is_planned(
    open_hall: HallMaker, open_heir: OpenHeir, pair: Pair
) -> None:
    await left_asking(open_hall, pair)
    heir = await open_heir()
    task_ids = await inherited(pair.two)
    await heir.say("ANSWER", "t1", answer="紅")
    await heir.planner.take_up(task_ids, pair.two.unfinished)
    heir.go_to_work()
    await until_it_is(pair.state, TaskState.PLANNED)


async def test_what_the_heir_has_moved_up_meanwhile_is_planned_once_and_the_planner_goes_on(
    open_hall: HallMaker, open_heir: OpenHeir, pair: Pair
) -> None:
    await left_waiting(open_hall, pair)
    completer = ScriptedCompleter()
    heir = await open_heir(completer)
    task_ids = await inherited(pair.two)
    await heir.say("REPRIORITIZE", "t1", priority=90)
    await heir.planner.take_up(task_ids, pair.two.unfinished)
    assert heir.planner.load.queue_depth == 1
    heir.go_to_work()
    await heir.submit("t2")
    await until_it_is(lambda: pair.state("t2"), TaskState.PLANNED)
    assert len(completer.requests) == 2
    versions = [status["status_version"] for status in await pair.said()]
    assert versions == [1, 2, 3, 4]


async def test_a_task_that_comes_back_from_a_dead_node_goes_on_from_where_that_has_brought_it(
    open_hall: HallMaker, open_heir: OpenHeir, pair: Pair
) -> None:
    """It still waits at the heir too, as it was before the dead node had it."""
    heir = await open_heir()
    await heir.submit("t1")
    one = await open_hall(Hall(ScriptedCompleter(default=Script(ASKING)), journal=pair.one))
    await one.say("REPRIORITIZE", "t1", priority=90)
    await until_it_is(pair.state, TaskState.INPUT_REQUIRED)
    await one.close()
    let_the_lease_run_out(pair.url, "one")
    await heir.planner.take_up(await inherited(pair.two), pair.two.unfinished)
    heir.go_to_work()
    await until(lambda: heir.planner.load.queue_depth == heir.planner.load.running == 0)
    assert await pair.state() is TaskState.INPUT_REQUIRED
    await heir.say("ANSWER", "t1", answer="紅")
    await until_it_is(pair.state, TaskState.PLANNED)
    versions = [status["status_version"] for status in await pair.said()]
    assert versions == list(range(1, 8))


async def test_a_task_that_still_waits_here_and_is_answered_here_waits_once(
    open_hall: HallMaker, open_heir: OpenHeir, pair: Pair
) -> None:
    """Another node has moved it up and asked meanwhile."""
    here = await open_heir()
    await here.submit("t1")
    asks = ScriptedCompleter(default=Script(ASKING))
    there = await open_hall(Hall(asks, journal=pair.one))
    await there.say("REPRIORITIZE", "t1", priority=90)
    await until_it_is(pair.state, TaskState.INPUT_REQUIRED)
    await here.say("ANSWER", "t1", answer="紅")
    here.go_to_work()
    await here.submit("t2")
    await until_it_is(lambda: pair.state("t2"), TaskState.PLANNED)
    assert await pair.state() is TaskState.PLANNED


async def test_a_read_that_fails_once_after_a_takeover_orphans_nothing(
    open_hall: HallMaker, open_heir: OpenHeir, pair: Pair
) -> None:
    await left_waiting(open_hall, pair)
    heir, clock = await open_heir(), ManualClock()
    lease = Lease(pair.two, heir.planner, JournalSettings(lease_s=20, heartbeat_s=5), clock)
    clock.advance(20)
    await lease.beat()
    assert pair.two._reading is not None
    ask(pair.url, f"SELECT pg_terminate_backend({pair.two._reading.info.backend_pid}, 5000)")
    with pytest.raises(JournalLost, match="cannot be read"):
        await lease.inherit()
    await lease.inherit()
    heir.go_to_work()
    await until_it_is(pair.state, TaskState.PLANNED)
