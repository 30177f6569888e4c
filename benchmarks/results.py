"""Where a measured report is kept: ``benchmarks/results/NAME.json``, with the command in it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent / "results"


def keep(name: str, report: Mapping[str, object]) -> Path:
    """Write a report and return its file."""
    FOLDER.mkdir(exist_ok=True)
    file = FOLDER / f"{name}.json"
    file.write_text(json.dumps(report, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    return file
