"""Whatever races, each task ends exactly once, and nothing is said after its end."""

import asyncio
import random
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from messages.status import TaskState
from planner_node.clock import SystemClock
from planner_node.errors import CommandRejected, DeadlineAlreadyPassed, JournalLost
from planner_node.settings import QueueSettings
from planner_node.tasks.lifecycle import TERMINAL
from planner_node.tasks.record import EventKind, StoredEvent
from tests.fakes.completion import Script, ScriptedCompleter, tool_call
from tests.fakes.hall import Hall, HallMaker
from tests.fakes.journal import MemoryJournal

ENDS = {str(state) for state in TERMINAL}
SCRIPTS = {
    "plan": Script(),
    "decline": Script(tool_call("decline_task", {"reason_code": "UNSAFE", "reason": "no"})),
    "ask": Script(tool_call("ask_clarification", {"question": "which?", "options": []})),
}


class SlowJournal(MemoryJournal):
    """Commits take a few turns of the loop, so that everything can come between."""

    def __init__(self, dice: random.Random) -> None:
        super().__init__()
        self.dice = dice

    async def commit(self, record, events):  # type: ignore[no-untyped-def]  # noqa: ANN001,ANN201
        for _ in range(self.dice.randrange(4)):
            await asyncio.sleep(0)
        if self.dice.random() < 0.1:
            raise JournalLost("for a moment")
        return await super().commit(record, events)


async def meddle(hall: Hall, dice: random.Random, task_id: str) -> None:
    """Say something about a task, some time."""
    for _ in range(dice.randrange(60)):
        await asyncio.sleep(0)
    op = dice.choice(["CANCEL", "CANCEL", "GET", "REPRIORITIZE", "ANSWER"])
    try:
        await hall.say(op, task_id, priority=dice.randrange(100), answer="plan")
    except (CommandRejected, JournalLost):
        return


async def one_life(hall: Hall, dice: random.Random, number: int) -> str:
    task_id = f"t{number}"
    instruction = dice.choice(sorted(SCRIPTS))
    deadline = dice.choice([None, datetime.now(UTC) + timedelta(milliseconds=20)])
    try:
        await hall.submit(task_id, instruction=instruction, deadline=deadline)
    except DeadlineAlreadyPassed:  # a slow machine; refused, so the id is still free
        await hall.submit(task_id, instruction=instruction)
    await asyncio.gather(*(meddle(hall, dice, task_id) for _ in range(dice.randrange(4))))
    return task_id


def check_log(log: list[StoredEvent], states: list[str]) -> None:
    originals = [one for one in log if one.replay_of is None]
    assert sum(state in ENDS for state in states) == 1
    assert states[-1] in ENDS
    assert originals[-1].event.kind is EventKind.STATUS


@pytest.mark.parametrize("seed", range(15))
async def test_every_task_ends_exactly_once(open_hall: HallMaker, seed: int) -> None:
    dice = random.Random(seed)
    hall = await open_hall(
        Hall(
            ScriptedCompleter(SCRIPTS),
            journal=SlowJournal(dice),
            queue=QueueSettings(running=1 + seed % 4),
        )
    )
    task_ids = await asyncio.gather(*(one_life(hall, dice, number) for number in range(12)))
    for task_id in task_ids:
        record = await hall.until_record(
            task_id, lambda one: one.state in {*TERMINAL, TaskState.INPUT_REQUIRED}
        )
        while record.state is TaskState.INPUT_REQUIRED:
            await asyncio.gather(meddle(hall, dice, task_id), meddle(hall, dice, task_id))
            record = hall.journal.records[task_id]
        await hall.until_record(task_id, lambda one: one.finished is not None)
    for task_id in task_ids:
        check_log(hall.log(task_id), hall.states(task_id))
        versions = [one["status_version"] for one in hall.said(task_id, EventKind.STATUS)]
        assert versions == list(range(1, len(versions) + 1))


@pytest.mark.parametrize("turns", range(0, 60, 3))
async def test_nothing_is_said_after_a_cancel_at_any_moment(
    open_hall: HallMaker, turns: int
) -> None:
    hall = await open_hall(Hall(journal=SlowJournal(random.Random(turns + 100))))
    await hall.submit("t1")
    for _ in range(turns):
        await asyncio.sleep(0)
    await meddle_until_told(hall, "t1")
    await hall.submit("t2")
    await hall.until("t2", "PLANNED")
    check_log(hall.log("t1"), hall.states("t1"))


async def meddle_until_told(hall: Hall, task_id: str) -> None:
    while hall.journal.records[task_id].finished is None:
        try:
            await hall.say("CANCEL", task_id)
        except (CommandRejected, JournalLost):
            await asyncio.sleep(0)


@pytest.mark.slow
async def test_two_hundred_tasks_of_twenty_robots_are_all_planned(open_hall: HallMaker) -> None:
    completer = ScriptedCompleter()
    hall = await open_hall(Hall(completer))
    names = [(f"t{number}", f"robot-{number % 20}") for number in range(200)]
    await asyncio.gather(*(hall.submit(task_id, robot_id=robot) for task_id, robot in names))
    for task_id, _ in names:
        await hall.until(task_id, "PLANNED")
    ends = Counter(tuple(hall.states(task_id)) for task_id, _ in names)
    assert ends == {("QUEUED", "PLANNING", "PLANNED"): 200}
    assert len(completer.requests) == 200


async def test_no_robot_has_two_running_tasks(open_hall: HallMaker) -> None:
    script = Script(hold_after=0)
    completer = ScriptedCompleter(default=script)
    hall = await open_hall(Hall(completer))
    for number in range(12):
        await hall.submit(f"t{number}", robot_id=f"robot-{number % 3}")
    await script.held.wait()
    assert hall.planner.load.running == 3
    script.gate.set()
    for number in range(12):
        await hall.until(f"t{number}", "PLANNED")


class BreakingClock(SystemClock):
    """Cannot tell the time so many times more."""

    def __init__(self) -> None:
        self.breaks = 0

    def now(self) -> datetime:
        if self.breaks:
            self.breaks -= 1
            raise ValueError("no time")
        return super().now()


@pytest.mark.parametrize("breaks", [1, 4])
async def test_what_breaks_before_it_began_fails_before_the_next_begins(
    open_hall: HallMaker, breaks: int
) -> None:
    """Without an end it would wait for the next start, and be planned after younger tasks."""
    clock = BreakingClock()
    hall = await open_hall(Hall(clock=clock, works=False))
    await hall.submit("older")
    await hall.submit("younger")
    clock.breaks = breaks
    hall.go_to_work()
    await hall.until("younger", "PLANNED")
    assert hall.states("older") == ["QUEUED", "FAILED"]
    assert hall.log("older")[-1].event_id < hall.log("younger")[1].event_id
