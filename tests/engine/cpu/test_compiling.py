"""Where machine code is kept, and a machine that has no place for it."""

import subprocess
import sys
from pathlib import Path

import pytest

from planner_node.engine.cpu import compiling

STEP = """
import logging, sys
logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(message)s")
from planner_node.engine.assembly import compiled
from planner_node.engine.kv_cache import KvSlots
from planner_node.engine.llama import LlamaForward
from tests.fakes.engine import tiny_llama
compiled(LlamaForward(tiny_llama(), KvSlots(1, 16)))
"""


def start(home: Path) -> str:
    """Make a forward in a process of its own; return what it logs."""
    environment = {"XDG_CACHE_HOME": str(home), "PATH": "", "OMP_NUM_THREADS": "1"}
    run = [sys.executable, "-c", STEP]
    return subprocess.run(run, env=environment, capture_output=True, text=True, check=True).stdout


@pytest.mark.slow
def test_only_the_first_start_compiles(tmp_path: Path) -> None:
    first, second = start(tmp_path), start(tmp_path)
    assert ("compiling" in first, "compiling" in second) == (True, False)
    assert [folder.name[:8] for folder in (tmp_path / "planner-node").iterdir()] == ["kernels-"]


@pytest.mark.slow
def test_a_start_with_no_place_to_keep_anything_compiles_too(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "are compiled after" in start(tmp_path / "file")


def test_other_kernels_have_another_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    before = compiling._folder()
    (tmp_path / "some_kernel.py").write_text("another")
    monkeypatch.setattr(compiling, "__file__", str(tmp_path / "compiling.py"))
    assert before.name != compiling._folder().name
