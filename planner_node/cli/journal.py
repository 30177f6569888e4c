"""What the doctor finds about the journal: whether it could be opened and written now."""

import shutil
from pathlib import Path
from tempfile import TemporaryFile
from typing import Final

from planner_node.cli.finding import Finding, Verdict
from planner_node.errors import PlannerError
from planner_node.journal.file import path_of
from planner_node.journal.opening import look_at_shared
from planner_node.settings import JournalSettings
from planner_node.settings.addresses import without_query

_NAME: Final = "journal"
_MIN_FREE_BYTES: Final = 1 << 30
_GIB: Final = 1 << 30
_TRIED_BYTES: Final = 1 << 20  # an empty journal and its log take some 100 kB


async def look_at_journal(settings: JournalSettings) -> Finding:
    """Visit the database, or write a little where the file is to be."""
    try:
        if settings.url.startswith("postgres"):
            await look_at_shared(settings)
            return Finding(Verdict.FINE, _NAME, without_query(settings.url))
        path = path_of(settings.url)
    except PlannerError as error:
        advice = "Check PLANNER__JOURNAL__URL and journal.password_file."
        return Finding(Verdict.FAULT, _NAME, str(error), advice)
    return _file(path)


def _file(path: Path) -> Finding:
    folder = next(parent for parent in path.parents if parent.exists())
    try:
        _try_to_write(folder)
    except OSError as error:
        text = f"{folder} cannot be written: {error.strerror}"
        advice = (
            f"Free disk space, make {folder} writable, or choose another place: "
            "PLANNER__JOURNAL__URL."
        )
        return Finding(Verdict.FAULT, _NAME, text, advice)
    free_bytes = shutil.disk_usage(folder).free
    text = f"{path}, {free_bytes / _GIB:.1f} GiB free"
    if free_bytes < _MIN_FREE_BYTES:
        return Finding(Verdict.NOTE, _NAME, text, "Free some disk: a full one stops intake.")
    return Finding(Verdict.FINE, _NAME, text)


def _try_to_write(folder: Path) -> None:
    with TemporaryFile(dir=folder, buffering=0) as trial:
        if trial.write(bytes(_TRIED_BYTES)) < _TRIED_BYTES:
            trial.write(b"\0")  # the disk took a part: now it says why
