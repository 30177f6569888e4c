"""The journals under test."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from planner_node.journal.postgres.connecting import Address
from planner_node.journal.postgres.store import PostgresJournal, Sharing
from planner_node.journal.store import Journal
from planner_node.tasks.record import Reply
from tests.fakes.journal import MemoryJournal, open_journal
from tests.fakes.postgresql import Cluster, running
from tests.fakes.record import a_record, a_status

AnyJournal = Journal | PostgresJournal | MemoryJournal
TRACE = (("traceparent", "00-ab-cd-01"), ("traceparent", "二"))
ANOTHER = Reply("answers/8", b"\x08", expiry_s=60)
REPLY = Reply("answers/7", b"\x00\xff", TRACE, expiry_s=30, others=(ANOTHER,))


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/journal/planner.db"


@pytest.fixture
async def real(url: str) -> AsyncIterator[Journal]:
    async with open_journal(Journal(url, outbox=True, commit_wait_ms=2)) as journal:
        yield journal


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    with running() as cluster:
        yield cluster


@pytest.fixture
def database(cluster: Cluster) -> Iterator[str]:
    url = cluster.database()
    yield url
    cluster.drop(url)


@pytest.fixture(params=["sqlite", "postgresql", "memory"])
async def journal(
    request: pytest.FixtureRequest,
) -> AsyncIterator[AnyJournal]:
    chosen: AnyJournal
    match request.param:
        case "sqlite":
            folder: Path = request.getfixturevalue("tmp_path")
            chosen = Journal(f"sqlite:///{folder}/planner.db", outbox=True, commit_wait_ms=2)
        case "postgresql":
            chosen = shared(request.getfixturevalue("database"))
        case _:
            chosen = MemoryJournal()
    async with open_journal(chosen) as journal:
        yield journal


def shared(url: str, node_id: str = "planner-1", *, outbox: bool = True) -> PostgresJournal:
    return PostgresJournal(Address(url, node_id), Sharing(outbox, lease_s=60, commit_wait_ms=2))


@pytest.fixture
def cluster_of_its_own() -> Iterator[Cluster]:
    with running() as cluster:
        yield cluster


@pytest.fixture
async def one(database: str) -> AsyncIterator[PostgresJournal]:
    async with open_journal(shared(database, "one")) as journal:
        yield journal


@pytest.fixture
async def two(database: str) -> AsyncIterator[PostgresJournal]:
    async with open_journal(shared(database, "two")) as journal:
        yield journal


async def payloads(journal: AnyJournal) -> list[bytes]:
    """What waits in the outbox."""
    return [item.event.payload for item in await journal.pending(0, 100)]


def make(folder: Path) -> Journal:
    return Journal(f"sqlite:///{folder}/planner.db", outbox=True, commit_wait_ms=2)


async def fill(folder: Path, tasks: int = 200) -> None:
    async with open_journal(make(folder)) as journal:
        for number in range(tasks):
            task_id = f"task-{number}"
            await journal.admit(a_record(task_id), [a_status(task_id, "x" * 1_000)])


def moved_aside(folder: Path) -> Path:
    (aside,) = folder.glob("planner.db.damaged-*Z")
    return aside
