"""Where the journal lives, who may open it, and what a damaged one leads to."""

import logging
import shutil
import sqlite3
import stat
from pathlib import Path

import pytest

from planner_node.errors import JournalLost
from planner_node.journal.file import path_of
from tests.fakes.journal import open_journal
from tests.fakes.record import a_record
from tests.journal.conftest import fill, make, moved_aside

JUNK = b"this was a database once" * 400


def test_three_slashes_are_relative(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert path_of("sqlite:///var/planner.db") == tmp_path / "var/planner.db"


def test_four_slashes_are_absolute() -> None:
    assert path_of("sqlite:////data/planner.db") == Path("/data/planner.db")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "planner.db",
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite:///planner.db?mode=ro",
        "postgresql://host/planner",
    ],
)
def test_a_url_without_a_file_is_refused(url: str) -> None:
    with pytest.raises(JournalLost, match="sqlite:///relative/file"):
        path_of(url)


async def test_start_makes_the_folder_and_a_private_file(tmp_path: Path) -> None:
    journal = make(tmp_path / "deep/er")
    await journal.start()
    await journal.close()
    mode = (tmp_path / "deep/er/planner.db").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600


async def test_what_is_in_flight_is_as_private_as_the_file(tmp_path: Path) -> None:
    async with open_journal(make(tmp_path)) as journal:
        await journal.admit(a_record(), [])
        mode = (tmp_path / "planner.db-wal").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600


async def test_a_commit_survives_power_loss_by_its_pragmas(tmp_path: Path) -> None:
    async with open_journal(make(tmp_path)) as journal:
        settings = await journal._read(
            lambda connection: [
                connection.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("journal_mode", "synchronous", "auto_vacuum")
            ]
        )
    assert settings == ["wal", 2, 2]


async def test_a_second_opener_is_refused_and_told_who_holds_it(tmp_path: Path) -> None:
    first, second = make(tmp_path), make(tmp_path)
    await first.start()
    with pytest.raises(JournalLost, match=r"in use by process \d+: stop that planner-node"):
        await second.start()
    assert not second.healthy
    await first.close()


async def test_a_closed_journal_lets_the_next_one_in(tmp_path: Path) -> None:
    await fill(tmp_path, tasks=1)
    async with open_journal(make(tmp_path)) as journal:
        assert await journal.task("task-0") is not None
        assert journal.damage is None


async def test_a_closed_journal_refuses_calls(tmp_path: Path) -> None:
    journal = make(tmp_path)
    await journal.start()
    await journal.close()
    with pytest.raises(JournalLost, match="not open"):
        await journal.admit(a_record(), [])
    with pytest.raises(JournalLost, match="not open"):
        await journal.task("task-1")
    assert not journal.healthy


async def test_closing_twice_is_harmless(tmp_path: Path) -> None:
    journal = make(tmp_path)
    await journal.start()
    await journal.close()
    await journal.close()
    assert journal.reason == "The journal is not open."


async def test_a_folder_in_the_files_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "planner.db").mkdir()
    with pytest.raises(JournalLost, match="cannot be opened"):
        await make(tmp_path).start()


async def test_a_file_in_the_folders_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    with pytest.raises(JournalLost, match="check the disk"):
        await make(tmp_path / "data").start()


async def test_a_refused_start_holds_no_lock(tmp_path: Path) -> None:
    (tmp_path / "planner.db").mkdir()
    with pytest.raises(JournalLost):
        await make(tmp_path).start()
    (tmp_path / "planner.db").rmdir()
    async with open_journal(make(tmp_path)) as journal:
        assert journal.healthy


def overwrite(path: Path) -> None:
    path.write_bytes(JUNK)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2 + 100])


def scribble(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4_096:60_000] = b"\xff" * (60_000 - 4_096)
    path.write_bytes(content)


@pytest.mark.parametrize("harm", [overwrite, cut, scribble])
async def test_a_damaged_file_is_moved_aside_and_told(
    tmp_path: Path, harm: object, caplog: pytest.LogCaptureFixture
) -> None:
    await fill(tmp_path)
    assert callable(harm)
    harm(tmp_path / "planner.db")
    harmed = (tmp_path / "planner.db").read_bytes()
    journal = make(tmp_path)
    with caplog.at_level(logging.ERROR):
        await journal.start()
    await journal.admit(a_record("fresh"), [])
    await journal.close()
    aside = moved_aside(tmp_path)
    assert aside.read_bytes() == harmed
    assert journal.damage is not None
    assert aside.name in journal.damage
    assert journal.damage in caplog.text


@pytest.mark.parametrize("harm", [Path.unlink, lambda path: path.write_bytes(b"")])
async def test_a_file_that_vanished_is_told(tmp_path: Path, harm: object) -> None:
    await fill(tmp_path, tasks=1)
    assert callable(harm)
    harm(tmp_path / "planner.db")
    journal = make(tmp_path)
    await journal.start()
    await journal.close()
    assert journal.damage is not None
    assert "missing or empty" in journal.damage


async def test_a_first_start_is_no_damage(tmp_path: Path) -> None:
    journal = make(tmp_path)
    await journal.start()
    await journal.close()
    assert journal.damage is None


async def left_alone(folder: Path) -> None:
    """Put another program's database where the journal is to be, and see it refused untouched."""
    path = folder / "planner.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE recipes (name TEXT)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(JournalLost, match="another program's database"):
        await make(folder).start()
    assert path.read_bytes() == before


async def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    await left_alone(tmp_path)


async def test_a_file_removed_under_the_node_takes_no_promise(tmp_path: Path) -> None:
    async with open_journal(make(tmp_path)) as journal:
        (tmp_path / "planner.db").rename(tmp_path / "elsewhere.db")
        with pytest.raises(JournalLost, match="restart the node"):
            await journal.admit(a_record(), [])
        assert not journal.healthy
        (tmp_path / "elsewhere.db").rename(tmp_path / "planner.db")
        assert (await journal.admit(a_record(), [])).is_new


async def test_the_log_has_its_length_before_the_first_commit(tmp_path: Path) -> None:
    async with open_journal(make(tmp_path)) as journal:
        log = tmp_path / "planner.db-wal"
        length_bytes = log.stat().st_size
        for number in range(20):
            await journal.admit(a_record(f"task-{number}"), [])
        assert log.stat().st_size == length_bytes > 1_000_000


async def test_a_log_that_ends_in_nothing_is_read_to_its_last_commit(tmp_path: Path) -> None:
    async with open_journal(make(tmp_path)) as journal:
        await journal.admit(a_record("task-1"), [])
        killed = tmp_path / "killed"
        killed.mkdir()
        for name in ("planner.db", "planner.db-wal"):
            shutil.copy(tmp_path / name, killed / name)
    async with open_journal(make(killed)) as reopened:
        assert await reopened.task("task-1") is not None
        assert reopened.damage is None


async def test_another_programs_database_in_the_journals_place_is_left_alone(
    tmp_path: Path,
) -> None:
    await fill(tmp_path, tasks=1)
    (tmp_path / "planner.db").unlink()
    await left_alone(tmp_path)
