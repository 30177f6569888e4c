"""Two planners on one PostgreSQL: a word may come to the node that does not have the task."""

from collections.abc import AsyncIterator

import pytest

from messages.status import TaskState
from planner_node.errors import TaskElsewhere, WrongState
from planner_node.journal.postgres.connecting import Address
from planner_node.journal.postgres.store import PostgresJournal, Sharing
from planner_node.tasks.record import EventKind, Origin, Reply
from tests.fakes.completion import ASKING, SEED_PLAN, Script, ScriptedCompleter, plan_call
from tests.fakes.hall import Hall, HallMaker
from tests.fakes.journal import open_journal
from tests.fakes.waiting import until, until_it_is
from tests.planner.conftest import Pair

ONE_SUBTASK_CHARS = len(plan_call(*SEED_PLAN[:1]))


@pytest.fixture
async def mute(open_hall: HallMaker, pair: Pair) -> AsyncIterator[Hall]:
    """A third node, which has no broker."""
    sharing = Sharing(outbox=False, lease_s=60, commit_wait_ms=0)
    async with open_journal(PostgresJournal(Address(pair.url, "mute"), sharing)) as journal:
        hall = await open_hall(Hall(journal=journal, works=False))
        yield hall
        await hall.close()


async def halfway(open_hall: HallMaker, pair: Pair) -> tuple[Script, Hall, Hall]:
    """The first hall has planned one subtask of ``t1`` and waits at the script's gate."""
    script = Script(hold_after=ONE_SUBTASK_CHARS)
    one = await open_hall(Hall(ScriptedCompleter(default=script), journal=pair.one))
    two = await open_hall(Hall(journal=pair.two))
    await one.submit("t1")
    await script.held.wait()
    return script, one, two


async def test_a_plan_that_another_node_cancels_stops_and_says_nothing_more(
    open_hall: HallMaker, pair: Pair
) -> None:
    script, one, two = await halfway(open_hall, pair)
    assert (await two.say("CANCEL", "t1")).state is TaskState.CANCELED
    script.gate.set()
    await until(lambda: one.planner.load.running == 0)
    assert await pair.states() == ["QUEUED", "PLANNING", "CANCELED"]


async def test_a_task_that_another_node_cancels_in_the_queue_is_never_planned(
    open_hall: HallMaker, pair: Pair
) -> None:
    completer = ScriptedCompleter()
    one = await open_hall(Hall(completer, journal=pair.one, works=False))
    two = await open_hall(Hall(journal=pair.two))
    await one.submit("t1")
    await two.say("CANCEL", "t1")
    one.go_to_work()
    await until(lambda: one.planner.load.queue_depth == one.planner.load.running == 0)
    assert completer.requests == []
    assert await pair.states() == ["QUEUED", "CANCELED"]


async def test_a_question_that_another_node_hears_the_answer_to_is_planned_there(
    open_hall: HallMaker, pair: Pair
) -> None:
    asks = ScriptedCompleter(default=Script(ASKING))
    one = await open_hall(Hall(asks, journal=pair.one))
    two = await open_hall(Hall(journal=pair.two))
    await one.submit("t1")
    await until_it_is(pair.state, TaskState.INPUT_REQUIRED)
    await two.say("ANSWER", "t1", answer="紅")
    await until_it_is(pair.state, TaskState.PLANNED)
    versions = [status["status_version"] for status in await pair.said()]
    assert versions == list(range(1, 7))
    assert len(asks.requests) == 1


async def asked_here_planned_there(open_hall: HallMaker, pair: Pair) -> Hall:
    """``t1`` has asked at the first hall, which is returned, and was answered at the second."""
    one = await open_hall(Hall(ScriptedCompleter(default=Script(ASKING)), journal=pair.one))
    two = await open_hall(Hall(journal=pair.two))
    await one.submit("t1")
    await until_it_is(pair.state, TaskState.INPUT_REQUIRED)
    await two.say("ANSWER", "t1", answer="紅")
    await until_it_is(pair.state, TaskState.PLANNED)
    return one


async def test_who_asks_the_first_node_hears_what_another_has_made_of_the_task(
    open_hall: HallMaker, pair: Pair
) -> None:
    one = await asked_here_planned_there(open_hall, pair)
    assert (await one.planner.task("t1")).state is TaskState.PLANNED
    with pytest.raises(WrongState) as refusal:
        await one.say("REPRIORITIZE", "t1", priority=9)
    assert refusal.value.references["status"] is TaskState.PLANNED


async def test_the_same_command_at_the_first_node_brings_the_plan_of_another(
    open_hall: HallMaker, pair: Pair
) -> None:
    one = await asked_here_planned_there(open_hall, pair)
    already = (await pair.one.pending(0, 100))[-1].event_id
    again = await one.submit("t1")
    assert again.record.state is TaskState.PLANNED
    replayed = [one.event.kind for one in await pair.one.pending(already, 100)]
    assert set(replayed) == {EventKind.STATUS, EventKind.PLAN, EventKind.SUBTASK}


async def test_a_task_that_another_node_moves_up_is_planned_once(
    open_hall: HallMaker, pair: Pair
) -> None:
    first, second = ScriptedCompleter(), ScriptedCompleter()
    one = await open_hall(Hall(first, journal=pair.one, works=False))
    two = await open_hall(Hall(second, journal=pair.two))
    await one.submit("t1")
    await two.say("REPRIORITIZE", "t1", priority=90)
    one.go_to_work()
    await until_it_is(pair.state, TaskState.PLANNED)
    await until(lambda: one.planner.load.queue_depth == one.planner.load.running == 0)
    assert len(first.requests) + len(second.requests) == 1


@pytest.mark.parametrize(
    ("op", "words"),
    [("CANCEL", {}), ("ANSWER", {"answer": "紅"}), ("REPRIORITIZE", {"priority": 9})],
)
async def test_a_node_without_a_broker_leaves_a_task_to_who_can_tell_its_robot(
    op: str, words: dict[str, object], open_hall: HallMaker, pair: Pair, mute: Hall
) -> None:
    asks = ScriptedCompleter(default=Script(ASKING))
    one = await open_hall(Hall(asks, journal=pair.one, works=op != "REPRIORITIZE"))
    await one.submit("t1")
    state = TaskState.QUEUED if op == "REPRIORITIZE" else TaskState.INPUT_REQUIRED
    await until_it_is(pair.state, state)
    before = await pair.said()
    with pytest.raises(TaskElsewhere) as refusal:
        await mute.say(op, "t1", **words)
    assert refusal.value.references["owner"] == "one"
    assert await pair.said() == before
    assert (await one.say("CANCEL", "t1")).state is TaskState.CANCELED


async def test_a_node_without_a_broker_changes_what_it_has_accepted_itself(
    pair: Pair, mute: Hall
) -> None:
    await mute.submit("t1")
    assert (await mute.say("CANCEL", "t1")).state is TaskState.CANCELED
    assert await pair.state() is TaskState.CANCELED


async def test_a_word_about_what_another_node_has_ended_is_answered_with_the_truth(
    open_hall: HallMaker, pair: Pair
) -> None:
    one = await open_hall(Hall(journal=pair.one, works=False))
    two = await open_hall(Hall(journal=pair.two))
    await one.submit("t1")
    await two.say("CANCEL", "t1")
    with pytest.raises(WrongState):
        await one.say("CANCEL", "t1")
    assert await pair.states() == ["QUEUED", "CANCELED"]


async def test_a_duplicate_at_another_node_generates_nothing(
    open_hall: HallMaker, pair: Pair
) -> None:
    second = ScriptedCompleter()
    one = await open_hall(Hall(journal=pair.one))
    two = await open_hall(Hall(second, journal=pair.two))
    await one.submit("t1")
    await until_it_is(pair.state, TaskState.PLANNED)
    assert not (await two.submit("t1")).is_new
    assert second.requests == []
    originals = {item.event.payload for item in await pair.one.pending(0, 100)}
    copies = [item.event.payload for item in await pair.two.pending(0, 100)]
    assert copies
    assert set(copies) <= originals


async def test_who_asks_another_node_again_takes_the_task_from_nobody(
    open_hall: HallMaker, pair: Pair
) -> None:
    one = await open_hall(Hall(journal=pair.one, works=False))
    two = await open_hall(Hall(journal=pair.two))
    await one.submit("t1")
    await two.submit_as(Origin("robot-1", reply=Reply("replies/me")), "t1")
    assert [event.event.reply for event in await pair.two.pending(0, 10)] == [Reply("replies/me")]
    one.go_to_work()
    await until_it_is(pair.state, TaskState.PLANNED)


async def test_a_watcher_at_another_node_hears_the_whole_story(
    open_hall: HallMaker, pair: Pair
) -> None:
    script, _, two = await halfway(open_hall, pair)
    heard = []
    async for stored in two.planner.watch("t1"):
        heard.append(stored)
        script.gate.set()  # the rest is said after the watcher has come
    assert heard == await pair.one.events("t1")
