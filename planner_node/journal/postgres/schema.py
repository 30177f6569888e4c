"""The shared tables, as a row of migrations: a released one is never edited, a new one appended."""

from typing import Final

from psycopg import AsyncConnection, sql

from planner_node.errors import JournalLost

SCHEMA: Final = "planner_node"  # of our own, so that the database may hold other things too
_LOCK: Final = 0x504C414E  # "PLAN": nodes that start together migrate one after the other

_FIRST: Final = """
CREATE TABLE nodes (
    node_id     text PRIMARY KEY,
    session     text NOT NULL,               -- which process of that name
    lease_until timestamptz NOT NULL         -- on the database's clock, the only one they share
);

CREATE TABLE tasks (
    arrival        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    task_id        text NOT NULL UNIQUE,
    node_id        text NOT NULL,            -- who plans it
    status_version integer NOT NULL,         -- what another node must know before it may change it
    robot_id       text,
    state          text NOT NULL,
    received_ms    bigint NOT NULL,
    finished_ms    bigint,
    command        text NOT NULL,
    details        text NOT NULL
);
CREATE INDEX tasks_by_robot ON tasks (robot_id, arrival);
CREATE INDEX tasks_by_state ON tasks (state, arrival);
CREATE INDEX tasks_unfinished ON tasks (node_id, arrival) WHERE finished_ms IS NULL;
CREATE INDEX tasks_finished ON tasks (finished_ms) WHERE finished_ms IS NOT NULL;

CREATE TABLE task_labels (
    label   text NOT NULL,
    arrival bigint NOT NULL REFERENCES tasks (arrival) ON DELETE CASCADE,
    PRIMARY KEY (label, arrival)
);
CREATE INDEX task_labels_by_task ON task_labels (arrival);

CREATE TABLE events (
    event_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    node_id   text NOT NULL,                 -- who publishes it
    task_id   text,
    robot_id  text,
    kind      text NOT NULL,
    payload   bytea NOT NULL,
    reply     text,
    replay_of bigint,
    pending   boolean NOT NULL
);
CREATE INDEX events_by_task ON events (task_id, event_id);
CREATE INDEX outbox ON events (node_id, event_id) WHERE pending;
CREATE INDEX events_without_history ON events (event_id)
    WHERE NOT pending AND kind IN ('NOTICE', 'ERROR');
"""

_PART: Final = """
CREATE TABLE parts (
    node_id    text PRIMARY KEY,
    part_index integer NOT NULL,
    configured integer NOT NULL,             -- its mqtt.partition_count at that time
    count      integer NOT NULL              -- and what fleet/partition said since
);
"""

MIGRATIONS: Final[tuple[str, ...]] = (_FIRST, _PART)


async def migrate(connection: AsyncConnection) -> None:
    """Bring the tables to the newest schema, all steps in one transaction.

    Raises:
        JournalLost: they are a newer version's.
        psycopg.Error: the database refuses.
    """
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        version = await _version(connection)
        for script in MIGRATIONS[version:]:
            await connection.execute(script)
        await connection.execute("UPDATE schema_version SET version = %s", [len(MIGRATIONS)])


async def _version(connection: AsyncConnection) -> int:
    await connection.execute(
        sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(SCHEMA))
    )
    await connection.execute("CREATE TABLE IF NOT EXISTS schema_version (version integer NOT NULL)")
    await connection.execute(
        "INSERT INTO schema_version SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM schema_version)"
    )
    cursor = await connection.execute("SELECT version FROM schema_version")
    (version,) = await cursor.fetchone() or (0,)
    if version > len(MIGRATIONS):
        raise JournalLost(
            f"The journal has schema {version}, this version knows {len(MIGRATIONS)}: "
            "run the newer planner-node again, or set journal.url to another database."
        )
    return int(version)
