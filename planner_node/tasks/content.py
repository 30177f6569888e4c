"""What a command asks, as one number: the same content gives the same hash."""

import functools
import hashlib
import json
from datetime import UTC, datetime
from typing import Final, cast

from pydantic import BaseModel

from messages.task import TaskCommand
from messages.wire import JsonValue

# The moment of sending differs in every repeat, and asks for nothing.
_NOT_CONTENT: Final = frozenset({"timestamp"})
# A minor version asks for nothing; what stands here is what journals hold the hash of already.
_ANY_VERSION: Final = {"schema_version": "1.0"}
_PLAIN: Final = frozenset({str, int, float, bool})
_CANONICAL: Final = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def content_hash(command: TaskCommand, default_tool: str = "decompose_task") -> str:
    """Return the SHA-256 of the known fields, in hexadecimal; fields we ignore do not count.

    What says no more than its absence counts as absent: ``default_tool``, a part without content.
    """
    given = command.__dict__  # at a thousand tasks a second, looking each field up shows
    content = {
        name: value if value is None or type(value) in _PLAIN else _part(value)
        for name in _content_names()
        for value in (given[name],)
    }
    content |= _ANY_VERSION
    if command.tool == default_tool:
        content["tool"] = None
    return hashlib.sha256(_CANONICAL.encode(content).encode()).hexdigest()


@functools.cache
def _content_names() -> tuple[str, ...]:
    return tuple(name for name in TaskCommand.model_fields if name not in _NOT_CONTENT)


@functools.cache
def _field_names(model: type[BaseModel]) -> tuple[str, ...]:
    return tuple(model.model_fields)


def _part(value: object) -> JsonValue:
    """Return what a field holds; None of a model that is all defaults."""
    plain = _plain(value)
    return None if isinstance(value, BaseModel) and plain == _defaults(type(value)) else plain


@functools.cache
def _defaults(model: type[BaseModel]) -> JsonValue:
    return _plain(model())


def _plain(value: object) -> JsonValue:
    if value is None or type(value) in _PLAIN:
        return cast("JsonValue", value)
    match value:
        case BaseModel():
            return {name: _plain(getattr(value, name)) for name in _field_names(type(value))}
        case list():
            return [_plain(item) for item in value]
        case datetime():
            return value.astimezone(UTC).isoformat()
        case bool() | int() | float():
            return value
        case _:
            return str(value)
