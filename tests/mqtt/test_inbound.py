"""When deliveries are acknowledged, and in which order they go in."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from messages.problem import ProblemCode
from planner_node.errors import JournalLost
from planner_node.mqtt.commands import Commands
from planner_node.mqtt.inbound import MAX_TRIES, Inbound
from planner_node.mqtt.repartition import Repartition
from planner_node.mqtt.reply import ReplyPolicy
from tests.fakes.brokerless import HandLine, delivery
from tests.fakes.desk import RecordingPlanner
from tests.fakes.waiting import until

ROOT = "planner/v1"
TASK, CONTROL = f"{ROOT}/robots/r1/task", f"{ROOT}/robots/r1/control"
OTHER_TASK = f"{ROOT}/robots/r2/task"
CANCEL = '{"op": "CANCEL", "task_id": "t1"}'


@asynccontextmanager
async def working(line: HandLine, planner: RecordingPlanner) -> AsyncIterator[Inbound]:
    inbound = Inbound(line, Commands(planner, ReplyPolicy(ROOT, ())), ROOT, journal_retry_s=0.001)
    async with asyncio.TaskGroup() as group:
        group.create_task(inbound.run())
        yield inbound
        planner.gate.set()
        line.end()


async def test_task_is_acknowledged_only_after_the_planner_has_it() -> None:
    line, planner = HandLine(), RecordingPlanner()
    planner.gate.clear()
    async with working(line, planner):
        line.put(delivery(TASK, "go"))
        await until(lambda: planner.calls)
        assert line.acknowledged == []
        planner.gate.set()
        await line.until_acknowledged(1)


async def test_a_command_for_another_nodes_robot_is_acknowledged_and_nothing_else() -> None:
    line, planner = HandLine(), RecordingPlanner()
    commands = Commands(planner, ReplyPolicy(ROOT, ()))
    inbound = Inbound(line, commands, ROOT, parts=Repartition(index=4, count=5))
    line.put(delivery(TASK, "{"))
    line.put(delivery(OTHER_TASK, '{"instruction": "go", "task_id": "t2"}'))
    line.end()
    await inbound.run()
    assert len(line.acknowledged) == 2
    assert planner.calls == ["submit t2"]
    assert planner.refused == []


async def test_refused_task_is_acknowledged_after_its_refusal() -> None:
    line, planner = HandLine(), RecordingPlanner()
    async with working(line, planner):
        line.put(delivery(TASK, "{"))
        await line.until_acknowledged(1)
    assert [problem.code for problem, *_ in planner.refused] == [ProblemCode.MALFORMED_JSON]


async def test_message_expiry_runs_on_while_the_journal_takes_nothing() -> None:
    line, planner = HandLine(), RecordingPlanner(failures=[JournalLost("disk full")])
    moments_s = iter([100.0, 100.9, 102.5])  # it comes, is tried, is tried again
    inbound = Inbound(
        line,
        Commands(planner, ReplyPolicy(ROOT, ())),
        ROOT,
        journal_retry_s=0.001,
        now_s=lambda: next(moments_s),
    )
    async with asyncio.TaskGroup() as group:
        group.create_task(inbound.run())
        line.put(delivery(TASK, "go", expiry_s=2))
        await line.until_acknowledged(1)
        line.end()
    assert planner.submitted == []
    assert [problem.code for problem, *_ in planner.refused] == [ProblemCode.EXPIRED]


async def test_poison_is_answered_reported_and_acknowledged() -> None:
    line, planner = HandLine(), RecordingPlanner()
    planner.failures += [ValueError("poison")] * MAX_TRIES
    async with working(line, planner) as inbound:
        line.put(delivery(TASK, '{"instruction": "go", "task_id": "t1"}'))
        await line.until_acknowledged(1)
    assert planner.calls == ["submit t1"] * MAX_TRIES
    assert [problem.code for problem in planner.reported] == [ProblemCode.INTERNAL]
    assert inbound.given_up == 1


async def test_what_could_not_be_read_is_answered_reported_and_acknowledged_at_once() -> None:
    line, planner = HandLine(), RecordingPlanner()
    async with working(line, planner) as inbound:
        unreadable = replace(delivery(TASK, '{"task_id": "t1"}'), fault="ValueError: injected")
        line.put(unreadable)
        await line.until_acknowledged(1)
    assert (planner.calls, inbound.given_up) == ([], 1)
    assert [problem.references[1].value for problem in planner.reported] == [unreadable.fault]


async def test_two_failures_are_survived() -> None:
    line, planner = HandLine(), RecordingPlanner()
    planner.failures += [ValueError("hiccup")] * (MAX_TRIES - 1)
    async with working(line, planner):
        line.put(delivery(TASK, "go"))
        await line.until_acknowledged(1)
    assert (len(planner.submitted), planner.reported) == (1, [])


async def test_window_full_of_poison_lets_the_next_good_task_through() -> None:
    line, planner = HandLine(), RecordingPlanner()
    async with working(line, planner):
        line.put(*(delivery(TASK, b"\xff\xff", mid=mid) for mid in range(1, 33)))
        line.put(delivery(TASK, "go", mid=33))
        await line.until_acknowledged(33)
    assert (len(planner.refused), len(planner.submitted)) == (32, 1)


async def test_lost_journal_is_waited_for_without_an_acknowledgement() -> None:
    line, planner = HandLine(), RecordingPlanner()
    planner.failures += [JournalLost("disk full")] * (MAX_TRIES + 5)
    async with working(line, planner) as inbound:
        line.put(delivery(TASK, "go"))
        await until(lambda: inbound.fault is not None)
        assert line.acknowledged == []
        await line.until_acknowledged(1)
        assert inbound.fault is None
    assert len(planner.submitted) == 1


async def test_delivery_of_a_lost_connection_is_not_tried_again() -> None:
    line, planner = HandLine(), RecordingPlanner()
    planner.failures += [JournalLost("disk full")] * 10_000
    async with working(line, planner) as inbound:
        line.put(delivery(TASK, "go"))
        await until(lambda: inbound.fault is not None)
        line.epoch = 2
        await until(lambda: inbound.fault is None)  # nothing waits any more that could say so
    assert (planner.submitted, line.acknowledged) == ([], [])


async def test_delivery_that_is_given_up_leaves_the_fault_of_another_standing() -> None:
    line, planner = HandLine(), RecordingPlanner()
    planner.failures += [JournalLost("disk full")] * 10_000
    inbound = Inbound(line, Commands(planner, ReplyPolicy(ROOT, ())), ROOT, journal_retry_s=0.05)
    async with asyncio.TaskGroup() as group:
        group.create_task(inbound.run())
        line.put(delivery(TASK, "go"))
        await until(lambda: inbound.fault is not None)
        line.epoch = 2
        line.put(delivery(OTHER_TASK, "go", epoch=2))
        await until(lambda: len(planner.calls) == 2)
        await until(lambda: "mqtt.inbound[r1]" not in task_names())
        assert inbound.fault is not None
        line.end()


def task_names() -> set[str]:
    return {task.get_name() for task in asyncio.all_tasks()}


async def test_closing_door_leaves_unjournalled_deliveries_to_the_broker() -> None:
    line, planner = HandLine(), RecordingPlanner()
    planner.failures += [JournalLost("disk full")] * 10_000
    async with working(line, planner) as inbound:
        line.put(delivery(TASK, "go"))
        await until(lambda: inbound.fault is not None)
    assert line.acknowledged == []


async def test_late_acknowledgement_of_an_older_connection_is_dropped() -> None:
    line, planner = HandLine(), RecordingPlanner()
    planner.gate.clear()
    async with working(line, planner):
        line.put(delivery(TASK, "go", epoch=1))
        await until(lambda: planner.calls)
        line.epoch = 2
    assert (len(planner.submitted), line.acknowledged) == (1, [])


async def test_redelivered_task_without_an_id_gets_the_same_id() -> None:
    line, planner = HandLine(), RecordingPlanner()
    first = delivery(TASK, "go", mid=9, epoch=1)
    async with working(line, planner):
        planner.gate.clear()
        line.put(first)
        await until(lambda: planner.calls)
        line.epoch = 2
        planner.gate.set()
        line.put(replace(first, epoch=2, dup=True))
        await line.until_acknowledged(1)
    assert len({command.task_id for command, _ in planner.submitted}) == 1


@pytest.mark.parametrize(("is_proven", "tasks"), [(False, 1), (True, 2)])
async def test_a_task_whose_acknowledgement_was_lost_with_the_line_is_the_same_task(
    is_proven: bool,  # noqa: FBT001  a parameter
    tasks: int,
) -> None:
    line, planner = HandLine(), RecordingPlanner()
    first = delivery(TASK, "go", mid=9, epoch=1)
    async with working(line, planner):
        line.put(first)
        await line.until_acknowledged(1)
        line.is_proven = is_proven  # else the broker had it, and means another by this number
        line.epoch = 2
        line.put(replace(first, epoch=2, dup=True))
        await line.until_acknowledged(2)
    assert len({command.task_id for command, _ in planner.submitted}) == tasks


async def test_same_text_said_twice_is_two_tasks() -> None:
    line, planner = HandLine(), RecordingPlanner()
    async with working(line, planner):
        line.put(delivery(TASK, "go", mid=9), delivery(TASK, "go", mid=9))
        await line.until_acknowledged(2)
    assert len({command.task_id for command, _ in planner.submitted}) == 2


async def test_control_waits_for_the_tasks_of_its_robot_before_it() -> None:
    line, planner = HandLine(), RecordingPlanner()
    planner.gate.clear()
    async with working(line, planner):
        line.put(
            delivery(TASK, '{"instruction": "go", "task_id": "t1"}'),
            delivery(CONTROL, CANCEL, mid=2),
            delivery(OTHER_TASK, '{"instruction": "go", "task_id": "t2"}', mid=3),
        )
        await until(lambda: len(planner.calls) == 2)
        planner.gate.set()
        await line.until_acknowledged(3)
    assert planner.calls == ["submit t1", "submit t2", "control t1"]


async def test_a_task_that_the_journal_refused_is_not_overtaken() -> None:
    line, planner = HandLine(), RecordingPlanner()
    planner.failures += [JournalLost("disk full")] * 3
    async with working(line, planner):
        line.put(
            *(
                delivery(TASK, f'{{"instruction": "go", "task_id": "t{number}"}}', mid=number)
                for number in range(1, 6)
            )
        )
        await line.until_acknowledged(5)
    submitted = [command.task_id for command, _ in planner.submitted]
    assert submitted == ["t1", "t2", "t3", "t4", "t5"]


async def test_a_closing_door_leaves_the_younger_to_the_broker_too() -> None:
    line, planner = HandLine(), RecordingPlanner()
    planner.failures += [JournalLost("disk full")]
    inbound = Inbound(line, Commands(planner, ReplyPolicy(ROOT, ())), ROOT, journal_retry_s=60)
    line.put(delivery(TASK, "older"), delivery(TASK, "younger", mid=2))
    line.end()
    await inbound.run()
    assert (planner.submitted, line.acknowledged) == ([], [])


async def test_task_after_a_control_waits_for_it() -> None:
    line, planner = HandLine(), RecordingPlanner()
    async with working(line, planner):
        line.put(
            delivery(CONTROL, CANCEL),
            delivery(TASK, '{"instruction": "go", "task_id": "t3"}', mid=2),
        )
        await line.until_acknowledged(2)
    assert planner.calls == ["control t1", "submit t3"]


async def test_duplicates_and_other_qualities_of_service_are_tolerated() -> None:
    line, planner = HandLine(), RecordingPlanner()
    async with working(line, planner):
        line.put(
            delivery(TASK, "a", qos=0, mid=0),
            delivery(TASK, "b", qos=2, mid=1),
            delivery(TASK, "c", dup=True, mid=2),
        )
        await line.until_acknowledged(3)
    assert [command.instruction for command, _ in planner.submitted] == ["a", "b", "c"]
