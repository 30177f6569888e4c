"""A change of the number of nodes cuts the stream of commands at one place, whatever breaks."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from messages.problem import ProblemCode
from planner_node.errors import JournalLost
from planner_node.mqtt.commands import NO_CHANGES, Commands
from planner_node.mqtt.inbound import Inbound
from planner_node.mqtt.packets import Delivery
from planner_node.mqtt.partition import owner_of
from planner_node.mqtt.repartition import Repartition
from planner_node.mqtt.reply import ReplyPolicy
from planner_node.tasks.part import Part
from tests.fakes.brokerless import HandLine, delivery
from tests.fakes.desk import RecordingPlanner
from tests.fakes.journal import MemoryJournal
from tests.fakes.waiting import until

ROOT = "planner/v1"
STAYS, MOVES = "r1", "r2"  # of two nodes 0 has the one and 1 the other; a third takes the other


def test_the_robots_of_these_tests_stay_and_move() -> None:
    assert [owner_of(STAYS, count) for count in (2, 3)] == [0, 0]
    assert [owner_of(MOVES, count) for count in (2, 3)] == [1, 2]


def task(number: int, robot: str = MOVES, epoch: int = 1, *, dup: bool = False) -> Delivery:
    text = f'{{"instruction": "go", "task_id": "t{number}"}}'
    return delivery(f"{ROOT}/robots/{robot}/task", text, mid=number, epoch=epoch, dup=dup)


def change(count: int = 3, **fields: object) -> Delivery:
    topic, text = f"{ROOT}/fleet/partition", f'{{"partition_count": {count}}}'
    return delivery(topic, text, **{"mid": 99, **fields})


class Node:
    """One node's way in, with its own journal."""

    def __init__(
        self, index: int, journal: MemoryJournal | None = None, configured: int = 2
    ) -> None:
        self.line = HandLine()
        self.planner = RecordingPlanner()
        self.journal = journal or MemoryJournal()
        self.parts = Repartition(index, configured, self.journal)
        commands = Commands(self.planner, ReplyPolicy(ROOT, ()))
        self.inbound = Inbound(self.line, commands, ROOT, journal_retry_s=0.001, parts=self.parts)

    @property
    def planned(self) -> list[str | None]:
        return [command.task_id for command, _ in self.planner.submitted]

    @property
    def acknowledged(self) -> list[int]:
        return [one.mid for one in self.line.acknowledged]

    @asynccontextmanager
    async def working(self) -> AsyncIterator["Node"]:
        async with asyncio.TaskGroup() as group:
            group.create_task(self.inbound.run())
            yield self
            self.planner.gate.set()
            self.line.end()

    @asynccontextmanager
    async def held_up(self, *deliveries: Delivery) -> AsyncIterator["Node"]:
        """Work with a journal that takes nothing, from when the node has noticed."""
        self.journal.refuses = "disk full"
        async with self.working():
            self.line.put(*deliveries)
            await until(lambda: self.inbound.fault is not None)
            yield self

    async def take(self, *deliveries: Delivery) -> "Node":
        """Take them all, and stop."""
        async with self.working():
            self.line.put(*deliveries)
            await self.line.until_acknowledged(len(deliveries))
        return self


@pytest.mark.parametrize("index", [0, 1, 2])
async def test_every_command_around_a_change_has_exactly_one_node(index: int) -> None:
    stream = [task(1, STAYS), task(2), task(3, epoch=1), change(), task(4), task(5, STAYS)]
    node = await Node(index).take(*stream)
    mine = {0: ["t1", "t5"], 1: ["t2", "t3"], 2: ["t4"]}
    assert node.planned == mine[index]
    assert node.journal.kept_part == Part(index, configured=2, count=3)
    assert (node.parts.said.index, node.parts.said.count) == (index, 3)


async def test_a_change_is_kept_and_acknowledged_behind_all_that_came_before_it() -> None:
    node = Node(1)
    node.planner.gate.clear()
    async with node.working():
        node.line.put(task(1), change(), task(2, STAYS))
        await node.line.until_acknowledged(1)  # what came behind it need not wait
        assert (node.acknowledged, node.journal.kept_part) == ([2], None)
        node.planner.gate.set()
        await node.line.until_acknowledged(3)
    assert node.acknowledged == [2, 1, 99]


async def test_two_changes_in_a_row_are_kept_in_their_order() -> None:
    node = Node(2)
    node.planner.gate.clear()
    async with node.working():
        node.line.put(change(), task(1), change(2, mid=98), task(2))
        await until(lambda: node.planner.calls)
        node.planner.gate.set()
        await node.line.until_acknowledged(4)
    assert node.planned == ["t1"]
    assert node.journal.kept_part == Part(2, configured=2, count=2)


@pytest.mark.parametrize(("index", "mine"), [(1, ["t1"]), (2, ["t2"])])
async def test_a_line_that_breaks_before_the_change_is_kept_begins_with_the_old_number(
    index: int, mine: list[str]
) -> None:
    node = Node(index)
    node.line.is_cut = True
    async with node.working():
        node.line.put(task(1), change(), task(2))
        await node.line.until_acknowledged(2)  # and the broker hears of neither
        node.line.epoch, node.line.is_cut = 2, False
        again = [task(1, epoch=2, dup=True), change(epoch=2, dup=True), task(2, epoch=2, dup=True)]
        node.line.put(*again)
        await node.line.until_acknowledged(5)
    assert sorted({*node.planned}) == mine
    assert node.journal.kept_part == Part(index, configured=2, count=3)


async def test_a_task_that_the_old_line_left_is_taken_by_the_old_number_on_the_next() -> None:
    node = Node(1)
    node.planner.failures += [JournalLost("disk full")]
    node.planner.gate.clear()
    async with node.working():
        node.line.put(task(1), change())
        await until(lambda: node.planner.calls)
        node.line.epoch = 2
        node.planner.gate.set()
        node.line.put(task(1, epoch=2, dup=True), change(epoch=2, dup=True))
        await node.line.until_acknowledged(2)
    assert node.planned == ["t1"]
    assert node.journal.kept_part == Part(1, configured=2, count=3)


async def test_what_the_broker_may_not_have_heard_of_keeps_the_old_number() -> None:
    node = Node(1)
    node.line.is_cut = True
    async with node.working():
        node.line.put(task(1), change())
        await node.line.until_acknowledged(1)
    assert (node.acknowledged, node.journal.kept_part) == ([1], None)


async def test_a_change_waits_for_a_journal_that_takes_nothing() -> None:
    async with Node(1).held_up(change(), task(1)) as node:
        assert node.acknowledged == [1]
        node.journal.refuses = ""
        await node.line.until_acknowledged(2)
        assert node.inbound.fault is None
    assert node.journal.kept_part == Part(1, configured=2, count=3)


async def test_a_closing_door_leaves_a_change_that_is_not_kept_to_the_broker() -> None:
    async with Node(1).held_up(change()) as node:
        pass
    assert (node.acknowledged, node.journal.kept_part) == ([], None)


async def test_a_change_is_not_kept_beside_a_task_that_is_left_to_the_broker() -> None:
    node = Node(1)
    node.planner.failures += [JournalLost("disk full")] * 10_000
    async with node.working():
        node.line.put(task(1), change())
        await until(lambda: node.inbound.fault is not None)
    assert (node.acknowledged, node.journal.kept_part) == ([], None)


async def test_a_restarted_node_goes_on_with_what_it_was_told() -> None:
    told = await Node(2).take(change())
    again = await Node(2, told.journal).take(task(1))
    assert again.planned == ["t1"]


@pytest.mark.parametrize(("index", "configured"), [(1, 2), (2, 4)])
async def test_other_settings_than_then_count_for_more(index: int, configured: int) -> None:
    told = await Node(2).take(change())
    again = await Node(index, told.journal, configured).take(task(1))
    assert again.parts.said.count == configured
    back = await Node(2, told.journal).take(task(1))  # not told of three since
    assert (back.parts.said.count, back.planned) == (2, [])


async def test_a_change_that_is_written_late_counts_for_the_next_connection_at_once() -> None:
    async with Node(2).held_up(change()) as node:
        node.line.epoch = 2  # a session of its own: the change does not come again
        node.line.put(task(1, epoch=2))
        await until(lambda: node.planned == ["t1"])
        node.journal.refuses = ""
        await until(lambda: node.journal.kept_part == Part(2, configured=2, count=3))


async def test_a_straggler_of_an_older_connection_turns_nothing_back() -> None:
    node = Node(2)
    node.line.epoch = 2
    async with node.working():
        node.line.put(change(epoch=2), task(1, STAYS, epoch=1), task(2, epoch=2))
        await node.line.until_acknowledged(2)
        await until(lambda: node.planned == ["t2"])


async def test_a_journal_that_cannot_be_read_is_waited_for() -> None:
    told = await Node(2).take(change())
    node = Node(2, told.journal)
    reading, answers = told.journal.part, iter([JournalLost("gone"), None])

    async def part() -> Part | None:
        if (error := next(answers)) is not None:
            raise error
        return await reading()

    told.journal.part = part  # type: ignore[method-assign]  it comes back
    assert (await node.take(task(1))).planned == ["t1"]


async def test_what_a_change_says_beyond_its_number_is_named_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    node = Node(1)
    await node.take(replace(change(), payload=b'{"partition_count": 3, "grace_s": 5}'))
    assert node.parts.said.count == 3
    assert [line for line in caplog.messages if "grace_s" in line and "fleet/partition" in line]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"retain": True}, ProblemCode.RETAINED_COMMAND),
        ({"expiry_s": 0}, ProblemCode.SCHEMA_INVALID),
        ({"expiry_s": 5}, ProblemCode.SCHEMA_INVALID),
        ({"qos": 0}, ProblemCode.SCHEMA_INVALID),
        ({"payload": b"{"}, ProblemCode.MALFORMED_JSON),
        ({"payload": b'{"partition_count": 0}'}, ProblemCode.SCHEMA_INVALID),
        ({"payload": b'{"partition_count": 1025}'}, ProblemCode.SCHEMA_INVALID),
        ({"payload": b'{"partition_count": "3"}'}, ProblemCode.SCHEMA_INVALID),
        ({"payload": b"3"}, ProblemCode.SCHEMA_INVALID),
    ],
)
async def test_what_is_no_change_is_reported_by_one_node_and_changes_nothing(
    fields: dict[str, object], code: ProblemCode
) -> None:
    nodes = [Node(index) for index in range(3)]
    for node in nodes:
        await node.take(replace(change(), **fields), task(1))  # type: ignore[arg-type]  by name
    assert codes(nodes) == [code]
    assert [node.planned for node in nodes] == [[], ["t1"], []]


async def test_a_node_that_takes_no_changes_says_so() -> None:
    node = Node(0, configured=1)
    node.inbound._parts = Repartition()
    await node.take(change(2), task(1))
    assert codes([node]) == [ProblemCode.NOT_ENABLED]
    assert NO_CHANGES in str(node.planner.reported)
    assert node.planned == ["t1"]


def codes(nodes: Iterable[Node]) -> list[ProblemCode]:
    return [problem.code for node in nodes for problem in node.planner.reported]
