"""The tables, as a row of migrations: a released one is never edited, a new one is appended."""

import sqlite3
from typing import Final

from planner_node.errors import JournalLost

APPLICATION_ID: Final = 0x504C414E  # "PLAN": tells our file from anybody else's database

_FIRST: Final = """
CREATE TABLE tasks (
    arrival     INTEGER PRIMARY KEY AUTOINCREMENT,  -- never used twice, also after a purge
    task_id     TEXT NOT NULL UNIQUE,
    robot_id    TEXT,
    state       TEXT NOT NULL,
    received_ms INTEGER NOT NULL,
    finished_ms INTEGER,
    command     TEXT NOT NULL,
    details     TEXT NOT NULL
);
CREATE INDEX tasks_by_robot ON tasks (robot_id, arrival);
CREATE INDEX tasks_by_state ON tasks (state, arrival);
CREATE INDEX tasks_unfinished ON tasks (arrival) WHERE finished_ms IS NULL;
CREATE INDEX tasks_finished ON tasks (finished_ms) WHERE finished_ms IS NOT NULL;

CREATE TABLE task_labels (
    label   TEXT NOT NULL,
    arrival INTEGER NOT NULL REFERENCES tasks (arrival) ON DELETE CASCADE,
    PRIMARY KEY (label, arrival)
) WITHOUT ROWID;
CREATE INDEX task_labels_by_task ON task_labels (arrival);

CREATE TABLE events (
    event_id  INTEGER PRIMARY KEY AUTOINCREMENT,
    task_id   TEXT,
    robot_id  TEXT,
    kind      TEXT NOT NULL,
    payload   BLOB NOT NULL,
    reply     TEXT,
    replay_of INTEGER,
    pending   INTEGER NOT NULL
);
CREATE INDEX events_by_task ON events (task_id, event_id);
CREATE INDEX outbox ON events (event_id) WHERE pending = 1;
CREATE INDEX events_without_history ON events (event_id)
    WHERE pending = 0 AND kind IN ('NOTICE', 'ERROR');

CREATE TABLE probe (filler BLOB NOT NULL);
"""

_PART: Final = """
CREATE TABLE part (
    one        INTEGER PRIMARY KEY CHECK (one = 1),  -- of a whole file
    part_index INTEGER NOT NULL,
    configured INTEGER NOT NULL,                     -- mqtt.partition_count at that time
    count      INTEGER NOT NULL                      -- and what fleet/partition said since
);
"""

MIGRATIONS: Final[tuple[str, ...]] = (_FIRST, _PART)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the file to the newest schema, one transaction a step.

    Raises:
        JournalLost: the file is another program's, or a newer version's.
        sqlite3.Error: the disk refuses.
    """
    version = _version(connection)
    if version == 0:
        _claim(connection)
    for number, script in enumerate(MIGRATIONS[version:], start=version + 1):
        connection.executescript(f"BEGIN IMMEDIATE;{script};PRAGMA user_version = {number};COMMIT;")


def _version(connection: sqlite3.Connection) -> int:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > len(MIGRATIONS):
        raise JournalLost(
            f"The journal has schema {version}, this version knows {len(MIGRATIONS)}: "
            "run the newer planner-node again, or set journal.url to another file."
        )
    return int(version)


def _claim(connection: sqlite3.Connection) -> None:
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    (owner,) = connection.execute("PRAGMA application_id").fetchone()
    if owner not in {0, APPLICATION_ID} or tables:
        raise JournalLost(
            "The file is another program's database; set journal.url to a file of its own."
        )
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # only possible before the first table
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
