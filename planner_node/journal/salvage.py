"""What of a journal that ends too early can still be read, and goes on in a new file."""

import sqlite3
from dataclasses import replace
from pathlib import Path

from planner_node.journal import statements
from planner_node.journal.rows import task_row
from planner_node.journal.schema import migrate


def damage_of(connection: sqlite3.Connection, pragma: str) -> str:
    """Return what ``quick_check`` or ``integrity_check`` finds wrong, empty where all is well."""
    findings = [row[0] for row in connection.execute(f"PRAGMA {pragma}(3)")]
    return "" if findings == ["ok"] else "; ".join(findings)


def last_event_id(connection: sqlite3.Connection) -> int:
    """Return the newest event that was ever written, though it be deleted since; 0 for none."""
    if not connection.execute(
        "SELECT 1 FROM sqlite_master WHERE name = 'sqlite_sequence'"
    ).fetchone():
        return 0
    newest = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'events'").fetchone()
    return 0 if newest is None else int(newest[0])


def carry_over(connection: sqlite3.Connection, target: Path, known_event_id: int) -> bool:
    """Copy what ``connection`` can read into a new file; False where that is not whole.

    Raises:
        JournalLost: a newer version's.
        sqlite3.Error: the disk refuses.
    """
    target.unlink(missing_ok=True)
    target.touch(mode=0o600)
    new = sqlite3.connect(target, isolation_level=None)
    try:
        connection.backup(new)
        if damage_of(new, "integrity_check"):
            return False
        migrate(new)
        _go_beyond(new, known_event_id)
    finally:
        new.close()
    return True


def _go_beyond(connection: sqlite3.Connection, known_event_id: int) -> None:
    """Say nothing under a name that what is lost may have had: no event's id, no task's attempt."""
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("DELETE FROM sqlite_sequence WHERE name = 'events'")
    connection.execute("INSERT INTO sqlite_sequence VALUES ('events', ?)", (known_event_id,))
    for record in statements.unfinished(connection):
        if record.damage is None:
            again = replace(record, attempt=record.attempt + 1)
            statements.put(connection, task_row(again), record.command.labels)
    connection.execute("COMMIT")
