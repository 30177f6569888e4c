"""The journals under test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from planner_node.journal.store import Journal
from tests.fakes.journal import MemoryJournal


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/journal/planner.db"


@pytest.fixture
async def real(url: str) -> AsyncIterator[Journal]:
    journal = Journal(url, outbox=True, commit_wait_ms=2)
    await journal.start()
    yield journal
    await journal.close()


@pytest.fixture(params=["real", "memory"])
async def journal(request: pytest.FixtureRequest) -> AsyncIterator[Journal | MemoryJournal]:
    if request.param == "real":
        folder: Path = request.getfixturevalue("tmp_path")
        chosen: Journal | MemoryJournal = Journal(
            f"sqlite:///{folder}/planner.db", outbox=True, commit_wait_ms=2
        )
    else:
        chosen = MemoryJournal()
    await chosen.start()
    yield chosen
    await chosen.close()
