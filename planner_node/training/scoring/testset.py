"""Reads the hand-written test set from its files."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import yaml

from planner_node.training.scoring.notation import read_record
from planner_node.training.scoring.records import Record
from planner_node.training.scoring.terms import Language

FOLDER: Final = Path(__file__).parent.parent / "testset"


def load_test_set(folder: Path = FOLDER) -> list[Record]:
    """Read every record, in a stable order; ValueError names a record that cannot be read."""
    return [record for path in sorted(folder.glob("*.yaml")) for record in load_file(path)]


def load_file(path: Path) -> Iterator[Record]:
    """Read the records of one file; its name begins with the language."""
    language = Language.ZH if path.name.startswith("zh") else Language.EN
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    for category, rows in document.items():
        for row in rows:
            yield read_record(row, category, language)
