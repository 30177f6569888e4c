"""What all messages share: ids, timestamps, the version, and how a model becomes bytes."""

import random
from datetime import UTC, datetime
from typing import Annotated, Any, Final, TypeAlias

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    GetJsonSchemaHandler,
    JsonValue,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
)
from pydantic.json_schema import JsonSchemaValue

__all__ = [
    "ID_PATTERN",
    "LANGUAGE_PATTERN",
    "SCHEMA_VERSION",
    "Id",
    "Incoming",
    "JsonValue",
    "Outgoing",
    "Timestamp",
    "encode",
    "format_timestamp",
    "new_id",
]

SCHEMA_VERSION: Final = "1.0"
_NULL: Final = {"type": "null"}
_ABOUT: Final = frozenset({"default", "description", "title"})
# VDA 5050 v3 §7.1.2 names the characters, AWS IoT the length.
ID_PATTERN: Final = r"^[A-Za-z0-9_.:-]{1,64}$"
# BCP 47 with its extensions (de-u-co-phonebk), private tags (x-own) and old ones (i-klingon).
LANGUAGE_PATTERN: Final = r"^([A-Za-z]{2,8}|[IiXx]-[A-Za-z0-9]{1,8})(-[A-Za-z0-9]{1,8})*$"

Id: TypeAlias = Annotated[str, StringConstraints(pattern=ID_PATTERN)]


def format_timestamp(moment: datetime) -> str:
    """Write a moment as RFC 3339 in UTC with milliseconds."""
    utc = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return utc.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _whole_milliseconds(moment: datetime) -> datetime:
    """Cut to what the wire shows, so that a message reads back equal to itself."""
    utc = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return utc.replace(microsecond=utc.microsecond // 1000 * 1000)


Timestamp: TypeAlias = Annotated[
    AwareDatetime,
    AfterValidator(_whole_milliseconds),
    PlainSerializer(format_timestamp, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]


def new_id() -> str:
    """Return a fresh id: 32 random hexadecimal digits; no secret, and no system call."""
    return f"{random.getrandbits(128):032x}"


class Incoming(BaseModel):
    """A message that others send: strict about what it knows, tolerant of what it does not.

    Unknown fields are kept in ``model_extra`` until ``decode`` has named them as warnings.
    """

    model_config = ConfigDict(strict=True, extra="allow", frozen=True)

    @classmethod
    def __get_pydantic_json_schema__(
        cls,
        schema: Any,  # noqa: ANN401  its type belongs to a package that is not ours to name
        handler: GetJsonSchemaHandler,
    ) -> JsonSchemaValue:
        """Say of every optional field that null is "not given", as ``given_in`` takes it."""
        made = handler(schema)
        if handler.mode == "validation":
            found = handler.resolve_ref_schema(made)
            fields = found.get("properties", {})
            for name in fields.keys() - set(found.get("required", ())):
                if _NULL not in fields[name].get("anyOf", ()):
                    fields[name] = _or_null(fields[name])
        return made


def _or_null(field: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a field that may be null as well."""
    about = {key: value for key, value in field.items() if key in _ABOUT}
    rest = {key: value for key, value in field.items() if key not in _ABOUT}
    return {"anyOf": [rest, _NULL], **about}


class Outgoing(BaseModel):
    """A message that the node sends: exactly its schema, nothing else."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def encode(message: BaseModel) -> bytes:
    """Return the UTF-8 JSON of a message; Chinese is not escaped."""
    return message.model_dump_json().encode()
