"""What is left of a scenario that went wrong, kept where no next run writes over it.

The folder of a scenario has everything: ``history.jsonl`` (what went over the wire), each node's
journal with its write-ahead log, what each node and the broker said, and what the model was asked.
"""

import os
import shutil
import stat
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

KEPT: Final = Path(__file__).parents[2] / "var" / "violations"
VERDICT: Final = "verdict.txt"


def keep(folder: Path, faults: Sequence[str], kept: Path = KEPT) -> Path:
    """Copy a scenario's folder below ``kept``, with its faults; return where it lies now."""
    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    place = kept / f"{moment}-{os.getpid()}-{folder.name}"
    shutil.copytree(folder, place, ignore=_what_is_no_file)
    (place / VERDICT).write_text("\n".join(faults) + "\n", encoding="utf-8")
    return place


def fresh(folder: Path) -> Path:
    """Make the folder of a new scenario.

    Raises:
        FileExistsError: something lies there; two histories in one file would tell of neither.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise FileExistsError(f"{folder} is not empty: name a new folder, or clear this one")
    return folder


def _what_is_no_file(folder: str, names: list[str]) -> list[str]:
    """Return the sockets and pipes, which cannot be copied."""
    modes = {name: (Path(folder) / name).lstat().st_mode for name in names}
    return [name for name, mode in modes.items() if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))]
