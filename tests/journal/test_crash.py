"""A process that dies, and a disk that refuses: nothing acknowledged is lost, nothing is half."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partialmethod
from pathlib import Path

import pytest

from planner_node.errors import JournalLost
from planner_node.journal import writer
from planner_node.journal.errand import Written
from planner_node.journal.file import JournalFile
from planner_node.journal.store import Journal
from tests.fakes.journal import open_journal
from tests.fakes.record import a_record, a_status
from tests.fakes.waiting import until

ROOT = Path(__file__).parents[2]

ADMIT_UNTIL_KILLED = """
import asyncio, os, sys
from planner_node.journal.store import Journal
from tests.fakes.record import a_record, a_status

async def caller(journal, name):
    number = 0
    while True:
        number += 1
        task_id = f"{name}-{number}"
        await journal.admit(a_record(task_id), [a_status(task_id)])
        os.write(1, f"{task_id}\\n".encode())

async def main():
    journal = Journal(sys.argv[1], outbox=True, commit_wait_ms=2)
    await journal.start()
    await asyncio.gather(*(caller(journal, name) for name in range(20)))

asyncio.run(main())
"""

ADMIT_UNTIL_FULL = """
import asyncio, resource, sys
from planner_node.errors import JournalLost
from planner_node.journal.store import Journal
from tests.fakes.record import a_record, a_status
from tests.fakes.waiting import until

LIMIT_BYTES = 1_000_000

async def until_full(journal, name):
    acknowledged = []
    while True:
        task_id = f"{name}-{len(acknowledged)}"
        try:
            await journal.admit(a_record(task_id), [a_status(task_id, "x" * 2_000)])
        except JournalLost:
            return acknowledged, task_id
        acknowledged.append(task_id)

async def main():
    journal = Journal(sys.argv[1], outbox=True, commit_wait_ms=2)
    await journal.start()
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT_BYTES, resource.RLIM_INFINITY))
    answers = await asyncio.gather(*(until_full(journal, name) for name in range(5)))
    print("full", journal.healthy, "refuses to write" in journal.reason)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    await until(lambda: journal.healthy, 20)
    for acknowledged, refused in answers:
        stored = {record.task_id for record in await journal.unfinished()}
        print("kept", len(acknowledged) > 0 and set(acknowledged) <= stored)
        print("half", await journal.task(refused), await journal.events(refused))
        print("again", (await journal.admit(a_record(refused), [])).is_new)
    await journal.close()

asyncio.run(main())
"""


def python(script: str, url: str) -> list[str]:
    return [sys.executable, "-c", script, url]


@pytest.mark.slow
@pytest.mark.parametrize("acknowledged", [1, 25, 400])
async def test_nothing_acknowledged_is_lost_by_kill_9(url: str, acknowledged: int) -> None:
    with subprocess.Popen(  # noqa: ASYNC220  the child must die by our signal, not by the loop's care
        python(ADMIT_UNTIL_KILLED, url), stdout=subprocess.PIPE, cwd=ROOT
    ) as child:
        assert child.stdout is not None
        told = [child.stdout.readline() for _ in range(acknowledged)]
        os.kill(child.pid, signal.SIGKILL)
        told += [line for line in child.stdout.readlines() if line.endswith(b"\n")]
    journal = Journal(url, outbox=True, commit_wait_ms=2)
    await journal.start()
    stored = {record.task_id for record in await journal.unfinished()}
    said = {item.event.task_id for item in await journal.pending(0, 100_000)}
    await journal.close()
    assert {line.decode().strip() for line in told} <= stored
    assert said == stored  # a task and its event are there together or not at all
    assert journal.damage is None


@pytest.mark.slow
def test_a_full_disk_refuses_whole_and_is_taken_up_again_by_itself(url: str) -> None:
    child = subprocess.run(
        python(ADMIT_UNTIL_FULL, url), capture_output=True, cwd=ROOT, check=False, timeout=50
    )
    lines = child.stdout.decode().splitlines()
    assert child.returncode == 0, child.stderr.decode()
    assert lines[0] == "full False True"
    assert lines[1:] == ["kept True", "half None []", "again True"] * 5


async def fill_up(journal: Journal) -> None:
    """Leave the writing connection, until it is opened anew, no page to grow."""
    await journal._writing.do(
        lambda connection: Written(connection.execute("PRAGMA max_page_count = 1").fetchone())
    )


async def be_refused(journal: Journal) -> None:
    await fill_up(journal)
    with pytest.raises(JournalLost):
        await journal.admit(a_record(), [a_status(text="x" * 9_000)])


async def test_a_refusal_reaches_every_caller_of_the_group(real: Journal) -> None:
    await fill_up(real)
    answers = await asyncio.gather(
        *(real.admit(a_record(f"t{n}"), [a_status(text="x" * 9_000)]) for n in range(5)),
        return_exceptions=True,
    )
    refused = [answer for answer in answers if isinstance(answer, JournalLost)]
    assert "full" in str(refused[0])
    stored = [record.task_id for record in await real.unfinished()]
    assert len(stored) + len(refused) == 5


async def test_after_a_refusal_the_next_good_commit_heals(real: Journal) -> None:
    await be_refused(real)
    assert not real.healthy
    assert "full" in real.reason
    assert (await real.admit(a_record(), [])).is_new
    assert real.healthy
    assert real.reason == ""


@pytest.mark.slow
async def test_a_disk_with_room_again_is_noticed_without_a_caller(real: Journal) -> None:
    await be_refused(real)
    await until(lambda: real.healthy, 20)
    assert await real.unfinished() == []


@contextmanager
def read_only(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let whoever connects anew find a file that it may only read."""
    with monkeypatch.context() as patch:
        patch.setattr(JournalFile, "connect", partialmethod(JournalFile.connect, read_only=True))
        yield


async def test_a_disk_that_turned_read_only_is_noticed_without_a_caller(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "GLANCE_S", 0.01)
    monkeypatch.setattr(writer, "PROBE_S", 0.01)
    async with open_journal(Journal(url, outbox=True, commit_wait_ms=0)) as journal:
        await journal.admit(a_record("before"), [])
        with read_only(monkeypatch):
            await journal._writing.do(
                lambda connection: Written(connection.execute("PRAGMA query_only = 1").fetchone())
            )
            await until(lambda: not journal.healthy)
            assert "readonly" in journal.reason
            with pytest.raises(JournalLost, match="refuses to write"):
                await journal.admit(a_record("meanwhile"), [])
            assert await journal.task("before") is not None
        await until(lambda: journal.healthy)
        assert await journal.task("meanwhile") is None
        assert (await journal.admit(a_record("meanwhile"), [])).is_new


async def test_a_refusal_is_logged_once_and_its_end_too(
    real: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    await be_refused(real)
    await real.admit(a_record(), [])
    assert [record.levelname for record in caplog.records] == ["ERROR", "INFO"]
