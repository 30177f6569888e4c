"""The file beside the journal: who holds it, and how far it was written.

How it works. The system drops the lock by itself when the process dies. What stands in the file
stays: its third line is the newest event that a commit had brought to the disk, noted after that
commit and without one of its own. So a journal that ends before it has lost what was promised,
whatever became of its write-ahead log; after a power failure the note may be older, never newer.
"""

import fcntl
import os
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from planner_node.errors import JournalLost

_IN_USE: Final = "in use since"  # the second line: this file has held a journal before
_WRITTEN: Final = "written to event "  # the third, overwritten in place
_DIGITS: Final = 20  # of a 64-bit number, so that the note keeps its length
_MAX_BYTES: Final = 200


class Lock:
    """What one process holds while it may write the journal."""

    def __init__(self, journal: Path) -> None:
        self._journal = journal
        self._descriptor: int | None = None
        self._note_at_bytes = 0
        self.was_in_use = False
        self.last_event_id = 0  # the newest that is known to have been on the disk

    def take(self) -> None:
        """Take the lock, and read what the last holder left.

        Raises:
            JournalLost: another process has it.
            OSError: the disk refuses.
        """
        path = self._journal.with_name(self._journal.name + ".lock")
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        self._descriptor = descriptor
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = _lines(descriptor)[0] or "unknown"
            self.release()
            raise JournalLost(
                f"The journal {self._journal} is in use by process {holder}: stop that "
                "planner-node, or give this one a journal.url (and a node_id) of its own.",
                holder=holder,
            ) from error
        _, in_use, written, *_ = _lines(descriptor)
        self.was_in_use = in_use.startswith(_IN_USE)
        noted = written.removeprefix(_WRITTEN)
        self.last_event_id = int(noted) if noted.isdecimal() else 0

    def sign(self, last_event_id: int) -> None:
        """Write who holds it, and how far the journal reaches as it was opened."""
        if self._descriptor is None:
            return
        head = f"{os.getpid()}\n{_IN_USE} {datetime.now(UTC).isoformat()}\n{_WRITTEN}".encode()
        text = head + _note(last_event_id)
        os.pwrite(self._descriptor, text, 0)
        os.ftruncate(self._descriptor, len(text))
        os.fsync(self._descriptor)
        self._note_at_bytes = len(head)
        self.last_event_id = last_event_id

    def note(self, event_id: int) -> None:
        """Note what a commit has brought to the disk; an older note only sees less."""
        if self._descriptor is None or event_id <= self.last_event_id:
            return
        self.last_event_id = event_id
        with suppress(OSError):
            os.pwrite(self._descriptor, _note(event_id), self._note_at_bytes)

    def release(self) -> None:
        """Let another process have the journal."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _note(event_id: int) -> bytes:
    return f"{event_id:0{_DIGITS}}\n".encode()


def _lines(descriptor: int) -> list[str]:
    """Return the three lines, empty where they are not written yet."""
    text = os.pread(descriptor, _MAX_BYTES, 0).decode(errors="replace")
    return [*text.splitlines(), "", "", ""]
