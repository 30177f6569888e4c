"""A journal that can be written and not be read is not healthy, and is looked at until it can."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from planner_node.errors import JournalLost
from planner_node.journal import sight
from planner_node.journal.postgres.store import PostgresJournal
from tests.fakes.journal import open_journal
from tests.fakes.postgresql import Cluster
from tests.fakes.record import a_record, a_status
from tests.fakes.waiting import until
from tests.journal.conftest import make, shared


class OneSession:
    """A role of which the server takes one session, where a node needs two."""

    def __init__(self, cluster: Cluster, url: str) -> None:
        self._cluster = cluster
        self._database = url.rsplit("/", 1)[1]
        self.url = url.replace("planner@", f"{self._database}@")
        self._say(f"CREATE ROLE {self._database} LOGIN CONNECTION LIMIT 1")
        self._say(f"GRANT CREATE ON DATABASE {self._database} TO {self._database}")

    def allow_two(self) -> None:
        self._say(f"ALTER ROLE {self._database} CONNECTION LIMIT 2")

    def _say(self, statement: str) -> None:
        with self._cluster.connect(self._database) as connection:
            connection.execute(statement.encode())


@pytest.fixture
def role(cluster: Cluster, database: str) -> OneSession:
    return OneSession(cluster, database)


@pytest.fixture
async def half_blind(
    role: OneSession, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[PostgresJournal]:
    """A journal whose writer has the one session."""
    monkeypatch.setattr(sight, "LOOK_S", 0.05)
    async with open_journal(shared(role.url, "one")) as journal:
        await journal.admit(a_record(), [a_status()])
        yield journal


async def test_a_database_that_refuses_the_reading_session_is_not_healthy(
    half_blind: PostgresJournal,
) -> None:
    with pytest.raises(JournalLost, match="cannot be read"):
        await half_blind.task("task-1")
    await half_blind.renew()  # it can be written all the same
    assert not half_blind.healthy
    assert "too many connections for role" in half_blind.reason


async def test_a_database_that_can_be_read_again_is_noticed_without_a_caller(
    half_blind: PostgresJournal, role: OneSession
) -> None:
    with pytest.raises(JournalLost):
        await half_blind.pending(0, 1)
    role.allow_two()
    await until(lambda: half_blind.healthy)
    assert half_blind.reason == ""
    assert await half_blind.task("task-1") is not None


async def test_a_journal_that_cannot_be_read_closes_and_looks_no_more(
    half_blind: PostgresJournal,
) -> None:
    with pytest.raises(JournalLost):
        await half_blind.pending(0, 1)
    await half_blind.close()
    assert "journal.sight" not in {task.get_name() for task in asyncio.all_tasks()}


async def test_a_question_that_no_database_can_take_says_nothing_about_its_health(
    database: str,
) -> None:
    async with open_journal(shared(database)) as journal:
        for task_id in ("a\0b", "\ud800"):
            with pytest.raises(JournalLost):
                await journal.task(task_id)
        assert journal.healthy


async def test_a_file_that_cannot_be_opened_for_reading_is_not_healthy_until_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sight, "LOOK_S", 0.05)
    file = tmp_path / "planner.db"
    async with open_journal(make(tmp_path)) as journal:
        await journal.admit(a_record(), [])  # and nobody has read yet
        file.rename(tmp_path / "away")
        file.mkdir()
        with pytest.raises(JournalLost, match="cannot be read"):
            await journal.task("task-1")
        assert not journal.healthy
        assert "cannot be read" in journal.reason
        file.rmdir()
        (tmp_path / "away").rename(file)
        await until(lambda: journal.healthy)
        assert await journal.task("task-1") is not None
