"""A node's journal, read by somebody else: the same questions to SQLite and to PostgreSQL."""

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from typing import Any, LiteralString

import psycopg

from tests.faults.nodes import NodeProcess

Ask = Callable[[LiteralString], Iterable[tuple[Any, ...]]]


@contextmanager
def rows_of(node: NodeProcess) -> Iterator[Ask]:
    """Let somebody read the journal, and write nothing."""
    url = node.settings["JOURNAL__URL"]
    if url.startswith("sqlite:"):
        with closing(sqlite3.connect(f"file:{node.journal}?mode=ro", uri=True)) as file:
            yield file.execute
    else:
        options = "-c search_path=planner_node -c default_transaction_read_only=on"
        with psycopg.connect(url, options=options) as database:
            yield database.execute
