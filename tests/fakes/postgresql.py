"""A real PostgreSQL for tests: a cluster of our own in a temporary folder, never the system's.

Never skipped: where its programs are missing, the test fails with what to install.
"""

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Final

import psycopg

from planner_node.journal.postgres.schema import SCHEMA
from tests.fakes.mosquitto import free_port

INSTALL: Final = "PostgreSQL's initdb and pg_ctl are not installed; run: scripts/need-postgresql"
_FOLDERS: Final = (
    "usr/lib/postgresql/*/bin",
    "usr/pgsql-*/bin",
    "opt/homebrew/opt/postgres*/bin",
)
_USER: Final = "planner"
_NUMBERS: Final = count(1)
# Crashes of a client are tested here, not crashes of the server.
_FAST: Final = "-c fsync=off -c full_page_writes=off -c max_connections=60 -c shared_buffers=32MB"


def program(name: str) -> str:
    """Return the path of one of PostgreSQL's programs, or fail with what to install."""
    folders = [str(one) for pattern in _FOLDERS for one in sorted(Path("/").glob(pattern))]
    path = shutil.which(name, path=os.pathsep.join([*folders, os.environ.get("PATH", "")]))
    if path is None:
        raise RuntimeError(INSTALL)
    return path


@dataclass(frozen=True, slots=True)
class Cluster:
    """A running server on 127.0.0.1."""

    folder: Path
    port: int

    def database(self) -> str:
        """Make an empty database; return its URL."""
        name = f"planner_{next(_NUMBERS)}"
        with self.connect() as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return f"postgresql://{_USER}@127.0.0.1:{self.port}/{name}"

    def drop(self, url: str) -> None:
        """Remove a database: hundreds of files, which all at the end take a slow disk too long."""
        with self.connect() as connection:
            connection.execute(f"DROP DATABASE {url.rsplit('/', 1)[1]} WITH (FORCE)")

    def connect(self, database: str = "postgres") -> psycopg.Connection:
        """Return a connection of the test's own."""
        return psycopg.connect(
            f"postgresql://{_USER}@127.0.0.1:{self.port}/{database}", autocommit=True
        )

    def stop(self) -> None:
        """End the server at once; what was committed stays."""
        _run("pg_ctl", "-D", str(self.folder / "data"), "-m", "immediate", "-w", "stop")

    def start(self) -> None:
        """Start the server and wait until it answers."""
        options = f"-p {self.port} -h 127.0.0.1 -k {self.folder} {_FAST}"
        log = str(self.folder / "log")
        _run("pg_ctl", "-D", str(self.folder / "data"), "-l", log, "-o", options, "-w", "start")


@contextlib.contextmanager
def running() -> Iterator[Cluster]:
    """Run a new cluster for the length of the block."""
    folder = Path(tempfile.mkdtemp(prefix="planner-postgresql-"))
    if os.getuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
    cluster = Cluster(folder, free_port())
    try:
        data = str(folder / "data")
        _run("initdb", "-D", data, "-U", _USER, "-A", "trust", "-E", "UTF8", "--locale=C", "-N")
        cluster.start()
        try:
            yield cluster
        finally:
            cluster.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(name: str, *arguments: str) -> None:
    """Run a program, which refuses to be root, as the user that its package made."""
    command = [program(name), *arguments]
    if os.getuid() == 0:
        command = ["runuser", "-u", "postgres", "--", *command]
    # Into a file, not a pipe: the server inherits it and would keep a pipe open for ever.
    with tempfile.TemporaryFile() as said:
        done = subprocess.run(command, stdout=said, stderr=said, cwd="/", check=False)
        said.seek(0)
        if done.returncode != 0:
            raise RuntimeError(f"{name} failed:\n{said.read().decode(errors='replace')}")


def ask(database: str, query: str) -> list[tuple[object, ...]]:
    """Rows of a query in the schema of the journal, by a session that is not the journal's."""
    with psycopg.connect(database, autocommit=True, options=f"-c search_path={SCHEMA}") as asking:
        cursor = asking.execute(query.encode())
        return cursor.fetchall() if cursor.description else []


def let_the_lease_run_out(database: str, node_id: str) -> None:
    """Make the node look dead to the others."""
    with psycopg.connect(database, autocommit=True) as asking:
        asking.execute(
            "UPDATE planner_node.nodes SET lease_until = now() - interval '1 s' WHERE node_id = %s",
            [node_id],
        )
