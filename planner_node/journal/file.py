"""The file on the disk: where it is, who holds it, and what happens when it is damaged."""

import logging
import os
import sqlite3
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from planner_node.errors import JournalLost
from planner_node.journal.lock import Lock
from planner_node.journal.salvage import carry_over, damage_of, last_event_id
from planner_node.journal.schema import APPLICATION_ID, migrate

log = logging.getLogger(__name__)

URL_PREFIX: Final = "sqlite:///"
BUSY_TIMEOUT_S: Final = 5.0  # somebody looks into the file with the sqlite3 shell
MAX_IDLE_WAL_BYTES: Final = 16_777_216  # a burst's write-ahead log is cut back to this
_USUAL_WAL_BYTES: Final = 6_291_456  # SQLite begins it anew after some 4 MiB
_COMPANIONS: Final = ("", "-wal", "-shm")
_DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_PRIMARY_CODE: Final = 0xFF  # SQLite's extended result codes keep the primary one in the low byte
_ANEW: Final = (
    "A new one was started: older tasks are not known here."
    " · 日誌已損毀，原檔移至 {aside} 保存，並已另建新日誌；先前的任務在此無從得知。"
)
_GOES_ON: Final = (
    "What comes before goes on: tasks that were accepted last may be missing, and such as ended "
    "last may be planned again."
    " · 日誌末段遺失，原檔移至 {aside} 保存，其餘內容繼續使用；"
    "最後接受的任務可能遺失，最後結束的任務可能重新規劃。"
)


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
        self._lock = Lock(path)
        self._identity: tuple[int, int] | None = None

    def open(self) -> sqlite3.Connection:
        """Lock, check and migrate the file; a damaged one is moved aside and told in ``damage``.

        Where only its end is lost, what comes before goes on in a new file.

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
        connection = _connection(self.path)
        _set_up(connection)
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

    def note(self, event_id: int) -> None:
        """Note, after a commit, the newest event that the file has."""
        self._lock.note(event_id)

    def release(self) -> None:
        """Let another process have the file."""
        self._lock.release()

    def _open(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._lock.take()
        self._check_there()
        self.path.touch(mode=0o600)  # SQLite gives -wal and -shm the same mode
        connection = self._checked()
        self._identity = _identity_of(self.path)
        self._lock.sign(last_event_id(connection))
        return connection

    def _check_there(self) -> None:
        """Finish what a kill interrupted in ``_set_aside``; what else is gone is told."""
        asides = sorted(self.path.parent.glob(f"{self.path.name}.damaged-*Z"))
        if asides and self._for_carried.exists() and not self.path.exists():
            reason = "a start that was killed had set it aside"
            self._set_aside(reason, self._for_carried, asides[-1])
        elif self._lock.was_in_use and not (self.path.exists() and self.path.stat().st_size):
            self._set_aside("it is missing or empty, and was not before")

    def _checked(self) -> sqlite3.Connection:
        with ExitStack() as closing:
            connection = _connection(self.path)
            closing.callback(connection.close)
            try:
                self._prepare(connection)
            except sqlite3.DatabaseError as error:
                if not _is_damage(error):
                    raise
                self._set_aside(str(error), self._carried(connection, error))
            else:
                closing.pop_all()
                return connection
        # It is closed after it was moved: SQLite then leaves the file and its log as they are.
        return self._begun_anew()

    def _begun_anew(self) -> sqlite3.Connection:
        connection = _connection(self.path)
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        """Read the whole file once, then make it ready.

        Raises:
            sqlite3.DatabaseError: damaged, with SQLITE_CORRUPT or SQLITE_NOTADB; or the disk.
        """
        _set_up(connection)
        if damage := damage_of(connection, "quick_check"):
            raise _corrupt(sqlite3.DatabaseError(damage))
        self._check_end(connection)
        migrate(connection)
        connection.execute("PRAGMA journal_mode = WAL")
        _lengthen(Path(f"{self.path}-wal"))

    def _check_end(self, connection: sqlite3.Connection) -> None:
        """Make sure that the journal has what was on the disk: the log lies beside the file.

        SQLite takes a log that is gone, or ends in rubbish, for one that was never written.
        """
        known, found = self._lock.last_event_id, last_event_id(connection)
        if found < known and _is_ours(connection):
            raise _corrupt(EndsTooEarly(f"it ends at event {found}, and {known} was written"))

    def _carried(self, connection: sqlite3.Connection, error: sqlite3.Error) -> Path | None:
        """Return a new file with what can be read, where only the end is lost."""
        target, known_event_id = self._for_carried, self._lock.last_event_id
        if isinstance(error, EndsTooEarly) and carry_over(connection, target, known_event_id):
            return target
        target.unlink(missing_ok=True)
        return None

    @property
    def _for_carried(self) -> Path:
        return self.path.with_name(f"{self.path.name}.carried")

    def _set_aside(
        self, reason: str, carried: Path | None = None, begun: Path | None = None
    ) -> None:
        """Move what there is out of the way, to where that was ``begun``, and put what goes on."""
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        aside = begun or self.path.with_name(f"{self.path.name}.damaged-{stamp}")
        for companion in _COMPANIONS:
            source = Path(f"{self.path}{companion}")
            if source.exists():
                source.rename(f"{aside}{companion}")
        if carried is None:
            self.path.touch(mode=0o600)
        else:
            carried.rename(self.path)
        self.damage = (
            f"The journal {self.path} was damaged ({reason}); what there was of it is now "
            f"{aside.name} beside it. {(_GOES_ON if carried else _ANEW).format(aside=aside.name)}"
        )
        log.error("! %s", self.damage)


class EndsTooEarly(sqlite3.DatabaseError):
    """The file is whole, but something that was written after it is gone."""


def _connection(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None)


def _set_up(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA journal_size_limit = {MAX_IDLE_WAL_BYTES}")


def _corrupt(error: sqlite3.DatabaseError) -> sqlite3.DatabaseError:
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error


def _is_damage(error: sqlite3.DatabaseError) -> bool:
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    return code & _PRIMARY_CODE in _DAMAGED


def _is_ours(connection: sqlite3.Connection) -> bool:
    (owner,) = connection.execute("PRAGMA application_id").fetchone()
    return bool(owner == APPLICATION_ID)


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
