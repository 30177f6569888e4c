"""Where a measured report is kept: ``benchmarks/results/NAME.json``, with the command in it."""

import json
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent / "results"


def command_of(module: str) -> str:
    """Return the command that is running; ``--folder`` is left out: a path of this machine."""
    words = sys.argv[1:]
    if "--folder" in words:
        at = words.index("--folder")
        del words[at : at + 2]
    return shlex.join(["python", "-m", module, *words])


def keep(name: str, report: Mapping[str, object]) -> Path:
    """Write a report and return its file."""
    FOLDER.mkdir(exist_ok=True)
    file = FOLDER / f"{name}.json"
    file.write_text(json.dumps(report, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    return file
