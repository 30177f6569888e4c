"""Weights that are cut are told from whole ones, without torch."""

from pathlib import Path

import pytest

from planner_node.cli.weights import trouble_with
from planner_node.completion.loading import EMBEDDED_FOLDER

NAME = "model.safetensors"


def test_whole_weights_are_no_trouble() -> None:
    assert trouble_with(EMBEDDED_FOLDER) == ""


def test_a_folder_without_weights_is_told(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    assert "has no weights" in trouble_with(tmp_path)


@pytest.mark.parametrize("left_bytes", [0, 7, 100, 1_000_000])
def test_weights_that_are_cut_are_told(tmp_path: Path, left_bytes: int) -> None:
    whole = (EMBEDDED_FOLDER / NAME).read_bytes()
    (tmp_path / NAME).write_bytes(whole[:left_bytes])
    assert trouble_with(tmp_path) == f"{tmp_path / NAME} is cut or damaged"
