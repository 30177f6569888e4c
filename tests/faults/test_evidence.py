"""What a violation leaves behind is whole, and is found by the message."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.faults import checker, evidence
from tests.faults.checker import Checker
from tests.faults.evidence import VERDICT, fresh
from tests.faults.history import History


def test_a_violation_names_the_folder_that_keeps_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene, kept = tmp_path / "scene", tmp_path / "kept"
    history = History(fresh(scene) / "history.jsonl")
    history.write("acked", task_id="lost")
    (scene / "planner-1.log").write_text("what the node said", encoding="utf-8")
    monkeypatch.setattr(checker, "keep", lambda *what: evidence.keep(*what, kept))
    with closing(sqlite3.connect(scene / "planner-1.db")) as journal:
        journal.execute("PRAGMA journal_mode = WAL")
        journal.execute("CREATE TABLE tasks (task_id)")  # stays in the log while this one is open
        judge = Checker(history)
        judge.check_wire()
        with pytest.raises(AssertionError, match="I4 lost: acknowledged, and never ended") as told:
            judge.verdict()
    [place] = kept.iterdir()
    assert f"kept in {place}:" in str(told.value)
    assert "I4 lost" in (place / VERDICT).read_text(encoding="utf-8")
    assert (place / "history.jsonl").read_bytes() == history.file.read_bytes()
    assert (place / "planner-1.log").read_text(encoding="utf-8") == "what the node said"
    with closing(sqlite3.connect(place / "planner-1.db")) as journal:
        assert journal.execute("SELECT name FROM sqlite_master").fetchall() == [("tasks",)]


def test_two_histories_never_share_a_folder(tmp_path: Path) -> None:
    (fresh(tmp_path / "new") / "history.jsonl").touch()
    with pytest.raises(FileExistsError, match=re.escape(str(tmp_path / "new"))):
        fresh(tmp_path / "new")
