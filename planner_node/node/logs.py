"""How the node's log looks: text for people, JSON for machines."""

import json
import logging
import threading
import time
from collections import deque
from datetime import UTC, datetime
from typing import Final, TextIO

from messages.wire import format_timestamp
from planner_node.settings import LogSettings

_TEXT: Final = "%(asctime)s %(levelname)-7s %(name)s  %(message)s"
_MOMENT: Final = "%Y-%m-%d %H:%M:%S%z"  # local time, and how far that is from UTC
# Libraries that tell of every connection, request or file at INFO.
_CHATTY: Final = (
    "transformers",
    "httpx",
    "httpx2",
    "httpcore2",
    "asyncio",
    "urllib3",
    "filelock",
    "huggingface_hub",
)


_GATHERED_S: Final = 0.02


class Gathered(logging.StreamHandler[TextIO]):
    """Writes what has gathered in one piece, from a thread of its own; a warning at once.

    A write lets go of the interpreter's lock, which a busy loop then has to wait for, line by line.
    A process that is killed takes the lines of its last 20 ms with it, but no warning.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        super().__init__(stream)
        self._lines: deque[str] = deque()
        self._news = threading.Event()
        threading.Thread(target=self._write_on, name="log", daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._lines.append(self.format(record) + self.terminator)
        except Exception:  # noqa: BLE001  as every handler: a bad line must not stop the node
            self.handleError(record)
        if record.levelno >= logging.WARNING:
            self.flush()
        elif not self._news.is_set():
            self._news.set()

    def flush(self) -> None:
        """Write what has gathered; also called at the end of the process."""
        self.acquire()
        try:
            text = "".join(self._lines.popleft() for _ in range(len(self._lines)))
            self.stream.write(text)
            self.stream.flush()
        except (OSError, ValueError):
            return  # a full disk, a closed pipe: the node goes on
        finally:
            self.release()

    def _write_on(self) -> None:
        """Log thread: its whole life."""
        while self._news.wait():
            time.sleep(_GATHERED_S)
            self._news.clear()  # before the look: what comes after sets it again
            self.flush()


class _JsonLines(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "timestamp": format_timestamp(datetime.fromtimestamp(record.created, UTC)),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def set_up(settings: LogSettings) -> None:
    """Send the log to standard error."""
    handler = Gathered()
    handler.setFormatter(
        _JsonLines() if settings.format == "json" else logging.Formatter(_TEXT, _MOMENT)
    )
    # Our lines name no thread and no process, so nobody needs to look them up.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging.basicConfig(level=settings.level.upper(), handlers=[handler], force=True)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
