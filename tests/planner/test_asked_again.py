"""Who sends an unfinished task again hears what is still to be said of it, as the first sender."""

import pytest

from planner_node.tasks.record import MAX_ASKERS, EventKind, Origin, Reply, joined
from tests.fakes.completion import TWO_SUBTASKS_CHARS, Script, ScriptedCompleter
from tests.fakes.hall import ROBOT, Hall, HallMaker

TRACE = (("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),)
FIRST = Reply("replies/first", b"1")
SECOND = Reply("replies/second", b"2", TRACE, expiry_s=30)


async def ask(hall: Hall, reply: Reply | None) -> None:
    await hall.submit_as(Origin(ROBOT, reply=reply), "t1")


def askers_of_the_plan(hall: Hall) -> dict[str, Reply]:
    (plan,) = [one.event for one in hall.log("t1") if one.event.kind is EventKind.PLAN]
    return {} if plan.reply is None else plan.reply.askers


@pytest.mark.parametrize("first", [None, Reply(None, b"1"), FIRST])
async def test_the_plan_goes_to_who_asked_again_and_to_who_asked_first(
    idle: Hall, first: Reply | None
) -> None:
    await ask(idle, first)
    await ask(idle, SECOND)
    idle.go_to_work()
    await idle.until("t1", "PLANNED")
    assert list(askers_of_the_plan(idle).values()) == [SECOND, FIRST][: 1 + (first is FIRST)]
    assert idle.states("t1") == ["QUEUED", "PLANNING", "PLANNED"]


async def test_who_asked_again_is_known_after_a_restart(idle: Hall, open_hall: HallMaker) -> None:
    await ask(idle, FIRST)
    await ask(idle, SECOND)
    again = await open_hall(Hall(journal=idle.journal))
    await again.until("t1", "PLANNED")
    assert list(askers_of_the_plan(again)) == ["replies/second", "replies/first"]


async def test_who_asks_while_the_plan_is_written_hears_its_end(open_hall: HallMaker) -> None:
    script = Script(hold_after=TWO_SUBTASKS_CHARS)
    hall = await open_hall(Hall(ScriptedCompleter(default=script)))
    await ask(hall, FIRST)
    await script.held.wait()
    await ask(hall, SECOND)
    script.gate.set()
    await hall.until("t1", "PLANNED")
    assert list(askers_of_the_plan(hall)) == ["replies/second", "replies/first"]


async def test_what_the_last_one_sent_is_echoed_where_all_hear(idle: Hall) -> None:
    await ask(idle, FIRST)
    await ask(idle, Reply(None, b"3", TRACE))
    await idle.say("CANCEL", "t1")
    assert idle.log("t1")[-1].event.reply == Reply(None, b"3", TRACE, others=(FIRST,))


async def test_the_same_words_again_change_nothing_in_the_journal(idle: Hall) -> None:
    await ask(idle, FIRST)
    for reply in (FIRST, None):
        before = idle.journal.records["t1"]
        await ask(idle, reply)
        assert idle.journal.records["t1"] is before


async def test_an_ended_task_stays_as_it_is(hall: Hall) -> None:
    await ask(hall, FIRST)
    ended = await hall.until("t1", "PLANNED")
    await ask(hall, SECOND)
    assert hall.journal.records["t1"] is ended


def test_of_many_askers_the_oldest_go() -> None:
    reply: Reply | None = None
    for number in range(MAX_ASKERS + 2):
        reply = joined(reply, Reply(f"replies/{number}"))
    assert reply is not None
    assert list(reply.askers) == [f"replies/{n}" for n in range(MAX_ASKERS + 1, 1, -1)]


def test_who_asks_anew_at_the_same_topic_is_one_asker_and_the_newest() -> None:
    reply = joined(joined(FIRST, SECOND), Reply("replies/first", b"4"))
    assert reply == Reply(None, b"4", TRACE, others=(Reply("replies/first", b"4"), SECOND))
