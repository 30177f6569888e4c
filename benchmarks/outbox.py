"""A node's outbox, read in its journal from outside; in WAL mode a reader keeps nobody waiting."""

import asyncio
import sqlite3
from pathlib import Path
from types import TracebackType
from typing import Final, Self

_LOOK_EACH_S: Final = 0.02
_MAX_EVENT_ID: Final = 2**63 - 1
_PUBLISHED_FOR: Final = (
    "SELECT count(*), coalesce(sum(length(payload)), 0) FROM events"
    " WHERE robot_id = ? AND pending = 0 AND kind IN ('STATUS', 'SUBTASK', 'PLAN')"
)


class Outbox:
    """``with Outbox(node.journal) as outbox``: rows that no broker has confirmed yet."""

    def __init__(self, journal: Path) -> None:
        self.rows_at_most = 0  # as far as ``watch`` has seen
        self._journal = sqlite3.connect(f"file:{journal}?mode=ro", uri=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._journal.close()

    @property
    def rows(self) -> int:
        return self._number("SELECT count(*) FROM events WHERE pending = 1")

    @property
    def is_empty(self) -> bool:
        return self.is_rid_of(_MAX_EVENT_ID)

    @property
    def last_event_id(self) -> int:
        return self._number("SELECT coalesce(max(event_id), 0) FROM events")

    def rows_after(self, event_id: int) -> int:
        """Return how many events were written after this one, published or not."""
        return self._number("SELECT count(*) FROM events WHERE event_id > ?", event_id)

    def is_rid_of(self, event_id: int) -> bool:
        """Whether this event and all before it were published."""
        asked = "SELECT EXISTS (SELECT 1 FROM events WHERE pending = 1 AND event_id <= ?)"
        return not self._number(asked, event_id)

    def published_for(self, robot: str) -> tuple[int, int]:
        """Return how many messages the broker took for a robot, and the bytes of their payloads."""
        (number, size_bytes) = self._journal.execute(_PUBLISHED_FOR, (robot,)).fetchone()
        return int(number), int(size_bytes)

    def tasks_in(self, state: str) -> int:
        return self._number("SELECT count(*) FROM tasks WHERE state = ?", state)

    async def watch(self) -> None:
        """Look until cancelled."""
        while True:
            self.rows_at_most = max(self.rows_at_most, self.rows)
            await asyncio.sleep(_LOOK_EACH_S)

    def _number(self, asked: str, *values: str | int) -> int:
        (number,) = self._journal.execute(asked, values).fetchone()
        return int(number)
