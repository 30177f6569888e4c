"""The file on the disk: where it is, who holds it, and what happens when it is damaged."""

import fcntl
import logging
import os
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TextIO

from planner_node.errors import JournalLost
from planner_node.journal.schema import migrate

log = logging.getLogger(__name__)

URL_PREFIX: Final = "sqlite:///"
BUSY_TIMEOUT_S: Final = 5.0  # somebody looks into the file with the sqlite3 shell
MAX_IDLE_WAL_BYTES: Final = 16_777_216  # a burst's write-ahead log is cut back to this
_USUAL_WAL_BYTES: Final = 6_291_456  # SQLite begins it anew after some 4 MiB
_COMPANIONS: Final = ("", "-wal", "-shm")
_DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_PRIMARY_CODE: Final = 0xFF  # SQLite's extended result codes keep the primary one in the low byte
_IN_USE: Final = "in use since"  # the lock's second line: this file has held a journal before


def path_of(url: str) -> Path:
    """Return the absolute path of ``sqlite:///relative/file`` or ``sqlite:////absolute/file``.

    Raises:
        JournalLost: the URL names no file.
    """
    name = url.removeprefix(URL_PREFIX)
    if not url.startswith(URL_PREFIX) or not name or name.startswith(":") or "?" in name:
        raise JournalLost(
            f"journal.url {url!r} is not sqlite:///relative/file or sqlite:////absolute/file."
        )
    return Path(name).absolute()


class JournalFile:
    """One SQLite file that one process may write."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.damage: str | None = None
        self._lock: TextIO | None = None
        self._was_in_use = False
        self._identity: tuple[int, int] | None = None

    def open(self) -> sqlite3.Connection:
        """Lock, check and migrate the file; a damaged one is moved aside and told in ``damage``.

        Raises:
            JournalLost: held by another process, not ours, or the disk refuses.
        """
        try:
            return self._open()
        except (OSError, sqlite3.Error) as error:
            self.release()
            raise JournalLost(
                f"The journal {self.path} cannot be opened ({error}): check the disk and the "
                "file's owner, or set journal.url to another file."
            ) from error
        except JournalLost:
            self.release()
            raise

    def connect(self, *, read_only: bool = False) -> sqlite3.Connection:
        """Return a connection for the calling thread; transactions are begun by hand."""
        connection = sqlite3.connect(self.path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA journal_size_limit = {MAX_IDLE_WAL_BYTES}")
        connection.execute(f"PRAGMA query_only = {int(read_only)}")
        return connection

    def check_in_place(self) -> None:
        """Make sure that what is written can be found again under this name.

        Raises:
            JournalLost: the file was removed or replaced; writing to it would go nowhere.
        """
        try:
            found = _identity_of(self.path)
        except OSError as error:
            raise JournalLost(f"the file cannot be found ({error}); restart the node") from error
        if found != self._identity:
            raise JournalLost("the file was replaced while the node ran; restart the node")

    def release(self) -> None:
        """Let another process have the file."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _open(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._hold()
        if self._was_in_use and (not self.path.exists() or self.path.stat().st_size == 0):
            self._set_aside("it is missing or empty, and was not before")
        self.path.touch(mode=0o600)  # SQLite gives -wal and -shm the same mode
        connection = self._checked()
        self._identity = _identity_of(self.path)
        self._sign()
        return connection

    def _hold(self) -> None:
        """Take a lock that the system drops by itself when the process dies."""
        lock_path = self.path.with_name(self.path.name + ".lock")
        lock = lock_path.open("a+", encoding="utf-8", errors="replace")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = _lines(lock)[0] or "unknown"
            lock.close()
            raise JournalLost(
                f"The journal {self.path} is in use by process {holder}: stop that planner-node, "
                "or give this one a journal.url (and a node_id) of its own.",
                holder=holder,
            ) from error
        self._lock = lock
        self._was_in_use = _lines(lock)[1].startswith(_IN_USE)

    def _sign(self) -> None:
        if self._lock is None:
            return
        self._lock.truncate(0)
        self._lock.write(f"{os.getpid()}\n{_IN_USE} {datetime.now(UTC).isoformat()}\n")
        self._lock.flush()

    def _checked(self) -> sqlite3.Connection:
        try:
            return self._prepared()
        except sqlite3.DatabaseError as error:
            code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
            if code & _PRIMARY_CODE not in _DAMAGED:
                raise
            self._set_aside(str(error))
        return self._prepared()

    def _prepared(self) -> sqlite3.Connection:
        connection = self.connect()
        try:
            _quick_check(connection)
            migrate(connection)
            connection.execute("PRAGMA journal_mode = WAL")
            _lengthen(Path(f"{self.path}-wal"))
        except BaseException:
            connection.close()
            raise
        return connection

    def _set_aside(self, reason: str) -> None:
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        aside = self.path.with_name(f"{self.path.name}.damaged-{stamp}")
        for companion in _COMPANIONS:
            source = Path(f"{self.path}{companion}")
            if source.exists():
                source.rename(f"{aside}{companion}")
        self.damage = (
            f"The journal {self.path} was damaged ({reason}); what there was of it is now "
            f"{aside.name} beside it. A new one was started: older tasks are not known here."
        )
        log.error("! %s", self.damage)
        self.path.touch(mode=0o600)


def _lengthen(log: Path) -> None:
    """Give the write-ahead log its usual length at once.

    While a file grows, each fsync also waits for the file system's own journal: 2.1 ms and at
    times 94 ms where an overwrite took 0.3 ms. SQLite passes over what is no frame of its own.
    """
    log.touch(mode=0o600)
    with log.open("ab") as file:
        missing_bytes = _USUAL_WAL_BYTES - file.tell()
        if missing_bytes > 0:
            file.write(bytes(missing_bytes))
            file.flush()
            os.fsync(file.fileno())


def _identity_of(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino


def _lines(lock: TextIO) -> list[str]:
    """Return the lock's two lines, empty where they are not written yet."""
    lock.seek(0)
    return [*lock.read(200).splitlines(), "", ""][:2]


def _quick_check(connection: sqlite3.Connection) -> None:
    """Read the whole file once.

    Raises:
        sqlite3.DatabaseError: with SQLITE_CORRUPT or SQLITE_NOTADB.
    """
    findings = [row[0] for row in connection.execute("PRAGMA quick_check(3)")]
    if findings != ["ok"]:
        error = sqlite3.DatabaseError("; ".join(findings))
        error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise error
