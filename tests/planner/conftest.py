"""A hall with a scripted model, which always stops: over a journal in memory, or two over one."""

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from messages.status import TaskState
from planner_node.journal.postgres.connecting import Address
from planner_node.journal.postgres.store import PostgresJournal, Sharing
from planner_node.tasks.record import EventKind
from tests.fakes.completion import ASKING, TWO_SUBTASKS_CHARS, Script, ScriptedCompleter
from tests.fakes.hall import Hall, HallMaker
from tests.fakes.journal import open_journal
from tests.fakes.postgresql import Cluster, running


@pytest.fixture
async def open_hall() -> AsyncIterator[HallMaker]:
    """Build halls that are closed after the test."""
    halls: list[Hall] = []

    async def opened(hall: Hall) -> Hall:
        halls.append(hall)
        await hall.open()
        return hall

    yield opened
    for hall in halls:
        await hall.close()


@pytest.fixture
async def hall(open_hall: HallMaker) -> Hall:
    """A hall at work."""
    return await open_hall(Hall())


@pytest.fixture
async def idle(open_hall: HallMaker) -> Hall:
    """A hall that takes tasks in and plans none."""
    return await open_hall(Hall(works=False))


@pytest.fixture
async def killed(open_hall: HallMaker) -> Hall:
    """A hall that was closed while two subtasks of t1 were out and a third was being written."""
    script = Script(hold_after=TWO_SUBTASKS_CHARS)
    hall = await open_hall(Hall(ScriptedCompleter(default=script)))
    await hall.submit("t1")
    await script.held.wait()
    await hall.close()
    return hall


@pytest.fixture
async def asking(open_hall: HallMaker) -> Hall:
    """A hall whose task t1 has asked a question."""
    hall = await open_hall(Hall(ScriptedCompleter({"藍": Script()}, Script(ASKING))))
    await hall.submit("t1")
    await hall.until("t1", "INPUT_REQUIRED")
    return hall


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    with running() as cluster:
        yield cluster


@dataclass
class Pair:
    """Two journals on one database; the test builds the halls."""

    one: PostgresJournal
    two: PostgresJournal
    url: str

    async def states(self, task_id: str = "t1") -> list[str]:
        return [status["status"] for status in await self.said(task_id)]

    async def said(self, task_id: str = "t1") -> list[dict[str, Any]]:
        events = await self.two.events(task_id)
        kept = [one.event.payload for one in events if one.event.kind is EventKind.STATUS]
        return [json.loads(payload) for payload in kept]

    async def state(self, task_id: str = "t1") -> TaskState | None:
        record = await self.two.task(task_id)
        return None if record is None else record.state


@pytest.fixture
async def pair(cluster: Cluster) -> AsyncIterator[Pair]:
    url = cluster.database()
    sharing = Sharing(outbox=True, lease_s=60, commit_wait_ms=0)
    one, two = (PostgresJournal(Address(url, name), sharing) for name in ("one", "two"))
    async with open_journal(one), open_journal(two):
        yield Pair(one, two, url)
    cluster.drop(url)
