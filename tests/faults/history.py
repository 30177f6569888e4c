"""What happened, as one JSON line each: sent, acknowledged, received, and what was broken when."""

import json
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

_TEXT: Final = "utf-8"


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that happened; ``at_s`` is on the monotonic clock."""

    at_s: float
    what: str  # sent | acked | received | fault | mended | ready | looked
    fields: dict[str, Any]


@dataclass
class History:
    """Kept in memory for the checker, and in a file for whoever wants to know what went wrong."""

    file: Path
    lines: list[Line] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def write(self, what: str, **fields: Any) -> None:  # noqa: ANN401  whatever JSON takes
        """Append one line; called from the test and from the fleet's network thread."""
        line = Line(time.monotonic(), what, fields)
        shown = json.dumps({"at_s": line.at_s, "what": what, **fields}, ensure_ascii=False)
        with self._lock, self.file.open("a", encoding=_TEXT) as file:
            file.write(shown + "\n")
            self.lines.append(line)

    def fault(self, name: str) -> None:
        """Note that the test breaks or mends something now."""
        self.write("fault", name=name)

    def mended(self, node_id: str) -> None:
        """Note that nothing is broken any more for this node."""
        self.write("mended", node=node_id)

    def ready(self, node_id: str) -> None:
        """Note that this node has said that it is ready."""
        self.write("ready", node=node_id)

    def of(self, what: str) -> list[Line]:
        """Return all lines of one sort, oldest first."""
        return [line for line in self.lines if line.what == what]
