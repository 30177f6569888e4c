"""How the node's log looks: text for people, JSON for machines."""

import json
import logging
from datetime import UTC, datetime
from typing import Final

from messages.wire import format_timestamp
from planner_node.settings import LogSettings

_TEXT: Final = "%(asctime)s %(levelname)-7s %(name)s  %(message)s"
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
    handler = logging.StreamHandler()
    handler.setFormatter(
        _JsonLines() if settings.format == "json" else logging.Formatter(_TEXT, "%H:%M:%S")
    )
    # Our lines name no thread and no process, so nobody needs to look them up.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging.basicConfig(level=settings.level.upper(), handlers=[handler], force=True)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
