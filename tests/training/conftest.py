"""A small vocabulary, learned once for each file that trains with it."""

from pathlib import Path

import pytest

from planner_node.training.tokenizer import build, wrapped


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("run")
    wrapped(build(3, samples=200, characters=100, words=60)).save_pretrained(made / "tokenizer")
    return made
