"""What a command asks, as one number: the same content gives the same hash."""

import hashlib
import json
from datetime import UTC, datetime
from typing import Final

from pydantic import BaseModel

from messages.task import TaskCommand
from messages.wire import JsonValue

# The moment of sending differs in every repeat, and asks for nothing.
_NOT_CONTENT: Final = frozenset({"timestamp"})


def content_hash(command: TaskCommand) -> str:
    """Return the SHA-256 of the known fields, in hexadecimal; fields we ignore do not count."""
    content = {
        name: _plain(getattr(command, name))
        for name in type(command).model_fields
        if name not in _NOT_CONTENT
    }
    text = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: object) -> JsonValue:
    match value:
        case BaseModel():
            return {name: _plain(getattr(value, name)) for name in type(value).model_fields}
        case list():
            return [_plain(item) for item in value]
        case datetime():
            return value.astimezone(UTC).isoformat()
        case None | bool() | int() | float():
            return value
        case _:
            return str(value)
